import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An operation of a bulk request. */
export interface BulkChange {
  kind: 'index' | 'delete';
  id: string;
  version: number;
  source: Source | undefined;
}

export interface Source extends Record<string, unknown> {
  owner_id: string;
  type: string;
  created_at: string;
  text: string;
}

/** What a bulk request says of one operation. */
export interface BulkItem {
  status: number;
  error?: { type: string; reason: string };
}

/** Answers in place of the server. False: the server does it after all. */
export type Misbehaviour = (
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
) => boolean | void;

/** A server that speaks as much of Elasticsearch as Darkroom asks it for, on loopback. */
export interface TestElasticsearch {
  url: string;
  documents: Map<string, { version: number; source: Source }>;
  /** Method and path of all requests. */
  requests: string[];
  headers: IncomingMessage['headers'][];
  bulks: BulkChange[][];
  templates: unknown[];
  /** Documents that were written, again and again included. */
  writes: string[];
  misbehave: (how: Misbehaviour | undefined) => void;
  /** What becomes of an operation in place of being done; undefined: it is done. */
  refuse: (how: (change: BulkChange) => BulkItem | undefined) => void;
  /** An outage: connections are refused. */
  stop: () => Promise<void>;
  /** It is back at the same address. */
  start: () => Promise<void>;
}

const product = { 'x-elastic-product': 'Elasticsearch' };
const json = 'application/vnd.elasticsearch+json;compatible-with=8';

export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': json, ...product, ...headers });
  response.end(JSON.stringify(body));
}

/** An error as Elasticsearch words it. */
export function answerProblem(
  response: ServerResponse,
  status: number,
  type: string,
  headers?: Record<string, string>,
): void {
  const error = { type, reason: `what ${type} means` };
  answer(response, status, { error: { root_cause: [error], ...error }, status }, headers);
}

export async function startElasticsearch(): Promise<TestElasticsearch> {
  const documents: TestElasticsearch['documents'] = new Map();
  const known: Pick<TestElasticsearch, 'requests' | 'headers' | 'bulks' | 'templates' | 'writes'> =
    {
      requests: [],
      headers: [],
      bulks: [],
      templates: [],
      writes: [],
    };
  let misbehaviour: Misbehaviour | undefined;
  let refusal: (change: BulkChange) => BulkItem | undefined = () => undefined;

  const apply = (change: BulkChange): BulkItem & { result?: string } => {
    const refused = refusal(change);
    if (refused) return refused;
    const there = documents.get(change.id);
    if (there && there.version > change.version) {
      const reason = `[${change.id}]: version conflict, current version [${there.version}]`;
      return { status: 409, error: { type: 'version_conflict_engine_exception', reason } };
    }
    if (change.kind === 'delete') {
      documents.delete(change.id);
      return there ? { status: 200, result: 'deleted' } : { status: 404, result: 'not_found' };
    }
    documents.set(change.id, { version: change.version, source: change.source! });
    known.writes.push(change.id);
    return { status: there ? 200 : 201, result: there ? 'updated' : 'created' };
  };

  const bulk = (response: ServerResponse, body: string) => {
    const changes = changesOf(body);
    known.bulks.push(changes);
    const items = changes.map((change) => ({
      [change.kind]: { _index: 'darkroom-events', _id: change.id, ...apply(change) },
    }));
    const errors = items.some((item) => Object.values(item)[0]!.error !== undefined);
    answer(response, 200, { errors, took: 1, items });
  };

  const take = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const path = request.url!.split('?')[0]!;
    known.requests.push(`${request.method} ${path}`);
    known.headers.push(request.headers);
    if (misbehaviour && misbehaviour(request, response, body) !== false) return;
    if (path.endsWith('/_bulk')) return bulk(response, body);
    if (path.endsWith('/_search')) {
      return answer(response, 200, { hits: { hits: searched(documents, JSON.parse(body)) } });
    }
    if (path.startsWith('/_index_template/')) {
      known.templates.push(JSON.parse(body));
      return answer(response, 200, { acknowledged: true });
    }
    response.writeHead(path === '/' ? 200 : 404, product).end();
  };
  const server = createServer(
    (request, response) => void take(request, response).catch(() => response.destroy()),
  );
  const listen = (port: number) =>
    new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    documents,
    ...known,
    misbehave: (how) => (misbehaviour = how),
    refuse: (how) => (refusal = how),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    start: () => listen(port),
  };
}

function changesOf(body: string): BulkChange[] {
  const lines = body.split('\n').filter((line) => line !== '');
  const changes: BulkChange[] = [];
  for (let n = 0; n < lines.length; n++) {
    const operation = JSON.parse(lines[n]!) as Record<string, { _id: string; version: number }>;
    const [kind, { _id: id, version }] = Object.entries(operation)[0]! as [
      BulkChange['kind'],
      { _id: string; version: number },
    ];
    const source = kind === 'index' ? (JSON.parse(lines[++n]!) as Source) : undefined;
    changes.push({ kind, id, version, source });
  }
  return changes;
}

interface AskedSearch {
  query: {
    bool: {
      filter: { term: Record<string, string> }[];
      should: {
        bool: Record<'must' | 'must_not', { match_phrase: { text: string } }[]>;
      }[];
    };
  };
  search_after?: [number, string];
  size: number;
}

function searched(documents: TestElasticsearch['documents'], asked: AskedSearch) {
  const { filter, should } = asked.query.bool;
  const has = (source: Source, text: string) => {
    const wanted = wordsOf(text);
    return wanted !== ' ' && wordsOf(source.text).includes(wanted);
  };
  return [...documents]
    .map(([_id, { source }]) => ({ _id, source, sort: [Date.parse(source.created_at), _id] }))
    .filter(({ source, sort }) => {
      const [at, id] = asked.search_after ?? [Infinity, ''];
      const isBehind = (sort[0] as number) < at || (sort[0] === at && (sort[1] as string) < id);
      const fits = filter.every(({ term }) => {
        const [[field, value]] = Object.entries(term) as [[string, string]];
        return source[field] === value;
      });
      const holds = should.some(({ bool }) => {
        const all = bool.must.every(({ match_phrase }) => has(source, match_phrase.text));
        return all && !bool.must_not.some(({ match_phrase }) => has(source, match_phrase.text));
      });
      return isBehind && fits && holds;
    })
    .toSorted((a, b) =>
      a.sort[0]! < b.sort[0]! || (a.sort[0] === b.sort[0] && a._id < b._id) ? 1 : -1,
    )
    .slice(0, asked.size)
    .map(({ _id, source, sort }) => ({
      _index: 'darkroom-events',
      _id,
      _score: 1.5,
      sort,
      highlight: { text: [source.text.slice(0, 200)] },
    }));
}

function wordsOf(text: string): string {
  return ` ${
    text
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu)
      ?.join(' ') ?? ''
  } `.replace('  ', ' ');
}
