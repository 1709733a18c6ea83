import type { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

/** A picture or a file as its row describes it. Its bytes are read on demand. */
export interface Content {
  contentType: string;
  /** Strong entity tag: the contents never change. */
  etag: string;
  /** @throws UnavailableError, NotFoundError */
  open: () => Promise<ContentSource>;
}

/** Where the bytes are. */
export type ContentSource =
  | { stream: Readable; bytes: number }
  /** A signed link, for a browser to fetch them itself. */
  | { link: string };

/**
 * Answers with the content: 304 when the client has it, 302 when it is to be fetched elsewhere.
 *
 * @param known the `If-None-Match` of the request
 */
export async function sendContent(
  { contentType, etag, open }: Content,
  reply: FastifyReply,
  known: string | undefined,
): Promise<StreamableFile | undefined> {
  // Private, and revalidated each time: who may see it can change.
  void reply.header('cache-control', 'private, no-cache').header('etag', etag);
  if (isKnown(etag, known)) {
    void reply.status(304);
    return undefined;
  }
  const source = await open();
  if ('link' in source) {
    // The link is a secret for as long as it can be used.
    void reply.status(302).header('location', source.link).header('cache-control', 'no-store');
    return undefined;
  }
  return new StreamableFile(source.stream, { type: contentType, length: source.bytes });
}

/** `If-None-Match` is a list of tags, which a proxy may have weakened. */
function isKnown(etag: string, header = ''): boolean {
  return header.split(',').some((tag) => {
    const known = tag.trim();
    return known === '*' || known.replace(/^W\//, '') === etag;
  });
}
