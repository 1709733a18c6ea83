import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { EventsFound } from '../../../src/features/event-search/event-search.dto.js';
import { defineEvent } from '../../../src/features/pipelines/event-type.js';
import { definePipeline } from '../../../src/features/pipelines/pipeline-definition.js';
import { PipelineNode } from '../../../src/features/pipelines/pipeline-node.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { workerFeatures } from '../../../src/worker-features.js';
import { atTestEnd } from '../../support/at-test-end.js';
import { envOf } from '../../support/cli.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import {
  answer,
  answerProblem,
  startElasticsearch,
  type TestElasticsearch,
} from '../../support/elasticsearch-server.js';
import { eventually } from '../../support/eventually.js';
import { warmDarkroom } from '../../support/warm-cli.js';
import { startWorkerOf } from '../../support/worker-of.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';

@Injectable()
class ReadNode extends PipelineNode {
  readonly input = z.strictObject({});
  readonly output = z.null();
  run = () => Promise.resolve(null);
}

@Module({ providers: [ReadNode] })
class ReadModule {}

for (const type of ['note', 'letter']) {
  definePipeline({
    name: type,
    description: 'Is read and indexed.',
    event: defineEvent({ type, description: 'Any text.', data: z.looseObject({}) }),
    nodes: (graph) => graph.node('read', ReadNode, {}),
  });
}
workerFeatures.push(ReadModule);

interface Row {
  version: number;
  indexed: number | null;
  error: { type: string } | null;
}

onBothQueueEngines('search of events', (engine) => {
  let elasticsearch: TestElasticsearch;
  let darkroom: TestDarkroom;

  beforeAll(async () => {
    elasticsearch = await startElasticsearch();
    const url = elasticsearch.url.replace('//', '//darkroom:pass%20word@');
    const settings = { elasticsearch: { url, apiKey: undefined, index: 'darkroom-events' } };
    darkroom = await startDarkroom(engine, { settings });
  });
  afterAll(async () => {
    await darkroom.close();
    await elasticsearch.stop();
  });
  beforeEach(() => {
    elasticsearch.misbehave(undefined);
    elasticsearch.refuse(() => undefined);
  });

  const send = async (data: Record<string, unknown>, type = 'note'): Promise<string> => {
    const response = await darkroom.post('/api/v1/events', { type, data });
    expect(response.status).toBe(202);
    return ((await response.json()) as { event_id: string }).event_id;
  };
  const sendAll = async (texts: string[]): Promise<string[]> => {
    const events = texts.map((text) => ({ type: 'note', data: { text } }));
    const response = await darkroom.post('/api/v1/events/batch', { events });
    expect(response.status).toBe(202);
    const sent = (await response.json()) as { events: { event_id: string }[] };
    return sent.events.map(({ event_id }) => event_id);
  };
  const search = async (query: Record<string, string>, key?: string): Promise<EventsFound> => {
    const path = `/api/v1/events/search?${new URLSearchParams(query).toString()}`;
    const response = await darkroom.request(path, key === undefined ? {} : { key });
    expect([path, response.status]).toEqual([path, 200]);
    return (await response.json()) as EventsFound;
  };
  const row = async (id: string): Promise<Row | undefined> => {
    const sql = `SELECT version, indexed_version AS indexed, index_error AS error
                   FROM event_documents WHERE event_id = $1`;
    return ((await darkroom.database.query(sql, [id])) as Row[])[0];
  };
  const indexed = (id: string) =>
    eventually(`${id} is indexed`, async () => {
      const now = await row(id);
      return now !== undefined && now.indexed === now.version && now;
    });
  const processed = (id: string) =>
    eventually(`${id} is processed`, async () => {
      const response = await darkroom.request(`/api/v1/events/${id}`);
      return ((await response.json()) as { status: string }).status === 'PROCESSED';
    });
  const isWell = () =>
    eventually('Elasticsearch searches again', async () => {
      return (await search({ q: 'anything' })).backend === 'elasticsearch';
    });

  it('indexes each event under its own id, and finds it', async () => {
    const id = await send({ text: 'The heron stands in the reeds.', nested: [{ n: 4711 }] });
    await indexed(id);
    const { events, backend, next_cursor } = await search({ q: 'heron 4711' });
    expect(backend).toBe('elasticsearch');
    expect(next_cursor).toBeNull();
    expect(events).toEqual([
      {
        event_id: id,
        type: 'note',
        status: 'PROCESSED',
        created_at: expect.any(String),
        excerpt: expect.stringContaining('heron'),
        score: 1.5,
      },
    ]);
    expect(elasticsearch.templates[0]).toMatchObject({
      index_patterns: ['darkroom-events'],
      template: { mappings: { dynamic: false, properties: { data: { type: 'flattened' } } } },
    });
    expect(elasticsearch.requests[0]).toBe('PUT /_index_template/darkroom-events');
    expect(elasticsearch.documents.get(id)).toMatchObject({
      version: 1,
      source: { type: 'note', data: { nested: [{ n: 4711 }] }, outputs: { read: null } },
    });
    const basic = `Basic ${Buffer.from('darkroom:pass word').toString('base64')}`;
    expect(elasticsearch.headers[0]!.authorization).toBe(basic);
  });

  it('away: events are processed, Postgres finds them, and all are indexed once it is back', async () => {
    await elasticsearch.stop();
    const ids = await sendAll(Array.from({ length: 20 }, (_, n) => `A stork passes by, ${n}.`));
    for (const id of ids) await processed(id);
    const { events, backend } = await search({ q: 'stork', limit: '100' });
    expect(backend).toBe('postgres');
    expect(events.map(({ event_id }) => event_id).toSorted()).toEqual(ids.toSorted());
    expect(events[0]).toMatchObject({
      status: 'PROCESSED',
      excerpt: expect.stringContaining('**stork**'),
    });
    await eventually('it was tried', async () => {
      const sql = `SELECT FROM tasks WHERE name = 'index_events_task' AND snoozed_since IS NOT NULL`;
      return (await darkroom.database.query(sql)).length === 1;
    });
    await elasticsearch.start();
    for (const id of ids) await indexed(id);
    for (const id of ids) expect(elasticsearch.writes.filter((one) => one === id)).toEqual([id]);
    await isWell();
  });

  it('the end of the task leaves nothing behind, whoever writes meanwhile', async () => {
    const ids: string[] = [];
    for (let round = 0; round < 10; round++) {
      ids.push(...(await Promise.all([1, 2, 3].map((n) => send({ text: `tern ${round} ${n}` })))));
    }
    for (const id of ids) await indexed(id);
  });

  if (engine === 'redis') return;

  it('a worker is killed while it indexes: the next one sends the same again', async () => {
    const other = await startElasticsearch();
    const noWorkers = await startDarkroom(engine, {
      workers: false,
      settings: { elasticsearch: { url: other.url, apiKey: undefined, index: 'darkroom-events' } },
    });
    atTestEnd(async () => {
      await noWorkers.close();
      await other.stop();
    });
    const data = { type: 'generation_feedback', data: { task_id: uuidv7(), rating: 5 } };
    const sent = await noWorkers.post('/api/v1/events', data);
    const { event_id: id } = (await sent.json()) as { event_id: string };
    for (const isDone of [false, true]) {
      const doomed = startWorkerOf(noWorkers, 'src/worker.js', { ELASTICSEARCH_URL: other.url });
      other.misbehave((request) => {
        if (!request.url!.includes('_bulk')) return false;
        doomed.kill('SIGKILL');
        return !isDone;
      });
      expect(await doomed.ended()).toBe('SIGKILL');
      expect(other.documents.has(id)).toBe(isDone);
    }
    other.misbehave(undefined);
    noWorkers.startWorkers();
    await eventually('the row knows of it', async () => {
      const sql = `SELECT FROM event_documents WHERE event_id = $1 AND indexed_version = version`;
      return (await noWorkers.database.query<unknown[]>(sql, [id])).length === 1;
    });
    expect([...other.documents.keys()]).toEqual([id]);
  });

  it('a refused document is noted, and not tried again until it changes', async () => {
    const reason = 'failed to parse field [data] \u0000 \ud800';
    elasticsearch.refuse(({ source }) =>
      source?.text.includes('refused')
        ? { status: 400, error: { type: 'document_parsing_exception', reason } }
        : undefined,
    );
    const [refused, other] = await sendAll(['crane refused', 'crane taken']);
    await indexed(other!);
    await eventually('it is noted', async () => (await row(refused!))?.error);
    expect((await row(refused!))!.error).toMatchObject({ type: 'document_parsing_exception' });
    const before = elasticsearch.bulks.length;
    await indexed(await send({ text: 'another crane' }));
    const sent = elasticsearch.bulks.slice(before).flat();
    expect(sent.map(({ id }) => id)).not.toContain(refused);
    elasticsearch.refuse(() => undefined);
    expect((await darkroom.post(`/api/v1/events/${refused}/reprocess`, {})).status).toBe(202);
    expect(await indexed(refused!)).toEqual({ version: 2, indexed: 2, error: null });
  });

  it('when Elasticsearch is busy, it is asked again as late as it wants', async () => {
    const asked: number[] = [];
    elasticsearch.misbehave((request, response) => {
      if (!request.url!.includes('_bulk') || asked.push(performance.now()) > 2) return false;
      answerProblem(response, 429, 'es_rejected_execution_exception', { 'retry-after': '2' });
      return true;
    });
    const ids = await sendAll(['plover 1', 'plover 2', 'plover 3']);
    for (const id of ids) await indexed(id);
    expect(asked[1]! - asked[0]!).toBeGreaterThan(1_900);
    expect(asked[2]! - asked[1]!).toBeGreaterThan(1_900);
  });

  it('items that are rejected for now are sent again, and nothing else is', async () => {
    const rejected = new Set<string>();
    elasticsearch.refuse(({ id }) => {
      if (rejected.has(id) || rejected.size >= 3) return undefined;
      rejected.add(id);
      const type = 'es_rejected_execution_exception';
      return { status: 429, error: { type, reason: 'queue capacity' } };
    });
    const ids = await sendAll(['avocet 1', 'avocet 2', 'avocet 3', 'avocet 4', 'avocet 5']);
    for (const id of ids) await indexed(id);
    expect(rejected.size).toBe(3);
    for (const id of ids) expect(elasticsearch.writes.filter((one) => one === id)).toEqual([id]);
  });

  it('too large a request is halved, and a document that is too large alone is refused', async () => {
    elasticsearch.misbehave((request, response, body) => {
      if (!request.url!.includes('_bulk') || body.length < 20_000) return false;
      response.writeHead(413).end('<html>nginx</html>');
      return true;
    });
    const ids = await sendAll([...Array(6)].map((_, n) => `${'dunlin '.repeat(1_000)} ${n}`));
    const large = await send({ text: 'knot '.repeat(10_000) });
    for (const id of ids) await indexed(id);
    await eventually('it is refused', async () => (await row(large))?.error);
  });

  it('what Elasticsearch has already in a newer version is done', async () => {
    const id = await send({ text: 'curlew' });
    await indexed(id);
    elasticsearch.documents.get(id)!.version = 9;
    await darkroom.database.query(
      `UPDATE event_documents SET indexed_version = 0 WHERE event_id = $1`,
      [id],
    );
    await darkroom.app.get(Schedules).runNow('index_events');
    await indexed(id);
    expect(elasticsearch.documents.get(id)!.version).toBe(9);
  });

  it.each([
    ['breaks off in the middle of an answer', 'reset'],
    ['answers something else', 'nonsense'],
    ['answers with an empty object', 'empty'],
    ['is another product', 'stranger'],
    ['does not know us', 'forbidden'],
  ])('it %s: nothing is lost', async (_, kind) => {
    let times = 0;
    elasticsearch.misbehave((request, response) => {
      if (!/_bulk|_search/.test(request.url!) || ++times > 2) return false;
      if (kind === 'reset') {
        response.writeHead(200, {
          'content-type': 'application/json',
          'x-elastic-product': 'Elasticsearch',
          'content-length': '1000',
        });
        response.write('{"errors":false,"items":[', () => response.destroy());
      } else if (kind === 'nonsense') {
        answer(response, 200, { errors: false, items: [null, 7], hits: { hits: [{ _id: 5 }] } });
      } else if (kind === 'empty') answer(response, 200, {});
      else if (kind === 'stranger') response.writeHead(200).end('{}');
      else answerProblem(response, 403, 'security_exception');
      return true;
    });
    const [id] = await sendAll([`sanderling ${kind}`]);
    await processed(id!);
    expect(times === 0 || (await search({ q: `sanderling ${kind}` })).events.length).toBeTruthy();
    await indexed(id!);
    await isWell();
    expect((await search({ q: `sanderling ${kind}` })).events).toHaveLength(1);
  });

  it('it hangs: Postgres answers', async () => {
    const id = await send({ text: 'a whimbrel' });
    await processed(id);
    elasticsearch.misbehave((request) => request.url!.includes('_search'));
    const { events, backend } = await search({ q: 'whimbrel' });
    expect([backend, events.length]).toEqual(['postgres', 1]);
    elasticsearch.misbehave(undefined);
    await isWell();
  });

  it('a question that it does not like goes to Postgres, and the next one does not', async () => {
    await isWell();
    elasticsearch.misbehave((request, response) => {
      if (!request.url!.includes('_search')) return false;
      answerProblem(response, 400, 'search_phase_execution_exception');
      return true;
    });
    expect((await search({ q: 'whimbrel' })).backend).toBe('postgres');
    elasticsearch.misbehave(undefined);
    expect((await search({ q: 'whimbrel' })).backend).toBe('elasticsearch');
  });

  it('reindex fills an index that was lost', async () => {
    elasticsearch.documents.clear();
    const reindex = () =>
      warmDarkroom(['search', 'reindex', '--json'], {
        ...envOf(darkroom.stores),
        ELASTICSEARCH_URL: elasticsearch.url,
      });
    const { events } = (await reindex()).json<{ events: number }>();
    expect(events).toBeGreaterThan(5);
    await eventually('it is full again', () => elasticsearch.documents.size === events);
    const without = await warmDarkroom(['search', 'reindex'], envOf(darkroom.stores));
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('Postgres')]);
  });

  it('deleted events are removed from the index, and are not found before that either', async () => {
    const id = await send({ text: 'a dotterel' });
    await indexed(id);
    await darkroom.database.query(`DELETE FROM events WHERE id = $1`, [id]);
    expect(elasticsearch.documents.has(id)).toBe(true);
    const { events, backend } = await search({ q: 'dotterel' });
    expect([backend, events]).toEqual(['elasticsearch', []]);
    await darkroom.app.get(Schedules).runNow('index_events');
    await eventually('it is removed', () => !elasticsearch.documents.has(id));
    await eventually('nothing is left to remove', async () => {
      const left: unknown[] = await darkroom.database.query(`SELECT FROM removed_event_documents`);
      return left.length === 0;
    });
  });

  it('both backends find the same, page by page, for the owner alone', async () => {
    const alice = await darkroom.newUserKey('alice');
    const headers = { authorization: `Bearer ${alice}` };
    const words = ['red kite', 'kite red', 'black kite', 'red-necked phalarope', 'KITE'];
    const ids: string[] = [];
    for (const text of words) {
      const body = { type: text === 'KITE' ? 'letter' : 'note', data: { text } };
      const response = await darkroom.post('/events', body, headers);
      ids.push(((await response.json()) as { event_id: string }).event_id);
    }
    await send({ text: 'red kite of an admin' });
    for (const id of ids) await indexed(id);
    await isWell();
    const found = async (query: Record<string, string>) => {
      const { events, backend } = await search(query, alice);
      const places = events.map(({ event_id }) => ids.indexOf(event_id));
      return { backend, places };
    };
    const all = async (backend: string) => {
      const expected = (places: number[]) => ({ backend, places });
      expect(await found({ q: 'kite' })).toEqual(expected([4, 2, 1, 0]));
      expect(await found({ q: 'red kite' })).toEqual(expected([1, 0]));
      expect(await found({ q: '"red kite"' })).toEqual(expected([0]));
      expect(await found({ q: 'kite -red' })).toEqual(expected([4, 2]));
      expect(await found({ q: 'black OR phalarope' })).toEqual(expected([3, 2]));
      expect(await found({ q: 'black "red kite" or red-necked' })).toEqual(expected([3]));
      expect(await found({ q: 'kite', type: 'letter' })).toEqual(expected([4]));
      expect(await found({ q: '-kite' })).toEqual(expected([3]));
      const pages: number[][] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page = await search({ q: 'kite', limit: '3', ...(cursor && { cursor }) }, alice);
        pages.push(page.events.map(({ event_id }) => ids.indexOf(event_id)));
        cursor = page.next_cursor;
      }
      expect(pages).toEqual([[4, 2, 1], [0]]);
    };
    await all('elasticsearch');
    await elasticsearch.stop();
    expect((await search({ q: 'kite' }, alice)).backend).toBe('postgres');
    await all('postgres');
    await elasticsearch.start();
    await isWell();
  });

  it('no question is an error', async () => {
    const odd = ['!!!', '"', '-', '- - - -', '"""', 'or', 'or or', '-"', ':*', "a'b", '\\', '& |'];
    const deep = ['('.repeat(200), '-'.repeat(200), '"a '.repeat(66), 'a or '.repeat(40)];
    const emoji = ['💥', 'Ω ß', '%00', '<->', 'a<2>b', 'x'.repeat(199)];
    await elasticsearch.stop();
    for (const q of [...odd, ...deep, ...emoji]) await search({ q });
    await elasticsearch.start();
    await isWell();
    for (const q of [...odd, ...deep, ...emoji]) await search({ q });
    for (const query of [
      '',
      '?q=',
      `?q=${'x'.repeat(201)}`,
      '?q=a%00b',
      '?q=a&limit=0',
      '?q=a&x=1',
    ]) {
      const response = await darkroom.request(`/api/v1/events/search${query}`);
      expect([query, response.status]).toEqual([query, 422]);
    }
  });

  it('a very long text is searched as far as it goes', async () => {
    const unlike = Array.from({ length: 60_000 }, (_, n) => `\u{1D400}-${n.toString(36)}`);
    const key = 'k'.repeat(300);
    const events = [
      { type: 'note', data: { a: 'godwit', more: unlike.join(' '), text: unlike } },
      { type: 'note', data: { text: 'godwit', [key]: 1 } },
    ];
    const response = await darkroom.post('/api/v1/events/batch', { events });
    const sent = (await response.json()) as { events: { event_id: string }[] };
    for (const { event_id: id } of sent.events) {
      await indexed(id);
      expect(elasticsearch.documents.get(id)!.source['data']).toBeUndefined();
    }
    expect((await search({ q: 'godwit' })).events).toHaveLength(2);
  });
});
