import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { eventually } from './eventually.js';

/** One event of a stream. */
export interface Heard {
  event: string;
  /** Undefined: a client that comes back does not name it. */
  id?: string;
  data: {
    task_id: string;
    name: string;
    attempt: number;
    error?: { code: string; message: string; retryable: boolean };
  } & Record<string, unknown>;
}

/** A client of an event stream, which remembers all that it has heard. */
export interface Listener {
  answer: Response;
  heard: Heard[];
  /** Comments, which are the heartbeats. */
  beats: () => number;
  /** As an EventSource would send it when it comes back. */
  lastId: () => string | undefined;
  isOver: () => boolean;
  /** Waits until so many events of these types were heard. Without types: of all but progress. */
  hears: (count: number, ...types: string[]) => Promise<Heard[]>;
  ended: () => Promise<void>;
  hangUp: () => void;
}

export interface ListenOptions {
  key: string;
  lastId?: string | undefined;
}

/** Opens an event stream. The answer may also be a refusal. */
export async function listen(url: string, options: ListenOptions): Promise<Listener> {
  const { key, lastId } = options;
  // `fetch` would keep connections in reserve, for which a server waits when it closes.
  const sent = request(url, {
    agent: false,
    headers: {
      authorization: `Bearer ${key}`,
      ...(lastId !== undefined && { 'last-event-id': lastId }),
    },
  });
  sent.on('error', () => {});
  sent.end();
  const [incoming] = (await once(sent, 'response')) as [IncomingMessage];
  incoming.setEncoding('utf8');
  const isStream = incoming.headers['content-type']?.startsWith('text/event-stream') === true;
  const body = isStream ? null : (await incoming.toArray()).join('') || null;
  const answer = new Response(body, {
    status: incoming.statusCode!,
    headers: incoming.headers as Record<string, string>,
  });
  const heard: Heard[] = [];
  let [beats, over, last] = [0, false, lastId];
  const take = (block: string) => {
    const fields = new Map(
      block.split('\n').map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
      }),
    );
    if (fields.has('')) beats += 1;
    last = fields.get('id') ?? last;
    const [event, id, data] = ['event', 'id', 'data'].map((name) => fields.get(name));
    if (data === undefined) return;
    const parsed = JSON.parse(data) as Heard['data'];
    heard.push({ event: event!, data: parsed, ...(id !== undefined && { id }) });
  };
  const read = async () => {
    let text = '';
    for await (const chunk of incoming) {
      text += String(chunk);
      const blocks = text.split('\n\n');
      text = blocks.pop()!;
      blocks.forEach(take);
    }
  };
  const reading = isStream ? read().catch(() => {}) : Promise.resolve();
  void reading.then(() => (over = true));
  const of = (types: string[]) =>
    heard.filter(({ event }) =>
      types.length === 0 ? event !== 'progress' : types.includes(event),
    );
  return {
    answer,
    heard,
    beats: () => beats,
    lastId: () => last,
    isOver: () => over,
    hears: (count, ...types) =>
      eventually(
        `${count} events ${types.join(', ')} are heard`,
        () => of(types).length >= count && of(types),
      ),
    ended: () => reading,
    hangUp: () => sent.destroy(),
  };
}
