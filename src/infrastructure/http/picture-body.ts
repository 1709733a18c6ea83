import type { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import type { FastifyRequest } from 'fastify';
import { AppError, InvalidFieldsError } from '../../common/app-error.js';
import { MalformedBodyError } from './strict-json.js';

/** What a form adds to its file: boundaries and headers. */
const formBytes = 16 * 1024;
/** A part has a name, a file name and a type. */
const formLimits = { files: 1, fields: 0, headerPairs: 20, headerSize: 4 * 1024 };
const field = 'file';

class PictureTooLargeError extends AppError {
  constructor(maxBytes: number) {
    super(413, 'body_too_large', `The picture is larger than ${maxBytes} bytes.`);
  }
}

const onlyTheFile = (): AppError =>
  new InvalidFieldsError([{ path: field, message: `must be the only part, and a file` }]);

/**
 * The picture in the body of a route that {@link AcceptsPicture}: the body itself, or the one file of a form. Nothing
 * is read before the call, and no more than `maxBytes` is kept.
 *
 * @throws AppError 400, 413 or 422
 */
export async function readPicture(request: FastifyRequest, maxBytes: number): Promise<Buffer> {
  const body = request.body as Readable | undefined;
  if (body === undefined) throw onlyTheFile();
  const isForm = /^multipart\//i.test(request.headers['content-type'] ?? '');
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes + (isForm ? formBytes : 0)) throw new PictureTooLargeError(maxBytes);
  return isForm ? fileOf(body, request.headers as BusboyHeaders, maxBytes) : whole(body, maxBytes);
}

async function fileOf(body: Readable, headers: BusboyHeaders, maxBytes: number): Promise<Buffer> {
  const form = formParser(headers, maxBytes);
  let file: Promise<Buffer> | undefined;
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => {
      // What still arrives is thrown away, so that the client gets the answer.
      body.unpipe(form);
      body.resume();
      reject(error);
    };
    form.on('file', (name, stream) => {
      stream.once('limit', () => refuse(new PictureTooLargeError(maxBytes)));
      file = whole(stream, maxBytes);
      file.catch(refuse);
      if (name !== field) refuse(onlyTheFile());
    });
    for (const limit of ['filesLimit', 'fieldsLimit']) form.on(limit, () => refuse(onlyTheFile()));
    form.once('error', (error) => refuse(new MalformedBodyError('The form is damaged.', error)));
    form.once('finish', () => (file === undefined ? refuse(onlyTheFile()) : resolve(file)));
    body.once('error', refuse);
    body.once('close', () => {
      if (!body.readableEnded) refuse(new MalformedBodyError('The body ends too early.'));
    });
    body.pipe(form);
  });
}

/** @throws MalformedBodyError */
function formParser(headers: BusboyHeaders, fileSize: number) {
  try {
    return new Busboy({ headers, limits: { ...formLimits, fileSize } });
  } catch (error) {
    throw new MalformedBodyError('The form has no boundary.', error);
  }
}

function whole(stream: Readable, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) return void chunks.push(chunk);
      chunks = [];
      reject(new PictureTooLargeError(maxBytes));
    });
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('error', (error) =>
      reject(new MalformedBodyError('The body ends too early.', error)),
    );
    stream.once('close', () => reject(new MalformedBodyError('The body ends too early.')));
  });
}
