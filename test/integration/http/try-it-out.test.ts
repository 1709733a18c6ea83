import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { saveChatHistoryTask } from '../../../src/features/chat-history/chat-history.tasks.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { addFile, pictureForm } from '../../support/files.js';
import { keysOf, undocumentedKeys, type AnswerSchema } from '../../support/answer-keys.js';
import { otherKeys } from '../../support/snake-case.js';

interface Schema extends AnswerSchema {
  example?: unknown;
}
interface Operation {
  summary?: string;
  tags?: string[];
  parameters: { in: string; name: string; required: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Schema>;
    securitySchemes: Record<string, { type: string; scheme: string }>;
  };
}

/** Of all answers. None of them is a password, a digest, a hash or an address of a client. */
const answerKeys = `
  access_token address_refused_at affordable after amount at attempt attempts away_since backend balance body
  bot_response bytes character_name chat_id chats code content_type created_at credits data database deliveries
  delivery_id description disabled_reason docs drawing email enabled engine entries error error_code eta_seconds event
  event_id events excerpt expires_at expires_in failing_since failures favourite files finished_at flagged from
  granted health height held id image_id images images_per_day images_today index key keys kind language
  last_failure_at last_message_at last_success_at last_used_at latency_ms max_bytes max_retries mean message
  message_count messages metadata model models monthly_credits name negative_prompt next_attempt_at next_cursor node
  nodes note number oldest_at on_error openapi outcome output owner_id percent picture_retention_days pictures
  pipeline pipelines plan prefix previous_until price price_per_image priority progress prompt put_off queue
  queue_position queued rating ratings refresh_token refunded requests_per_minute response response_status result
  retry_at retryable role running runs schema scopes score seconds secret seed sha256 source_id sources spool
  started_at state status status_url step steps storage task_context task_id tasks text thumbnail_url timeout_seconds
  title token_type type types upload_id uploads url used user_id user_message users webhook_id webhooks width
`
  .trim()
  .split(/\s+/);

/** In an example it stands for a picture. */
const anId = '01890000-0000-7000-8000-000000000000';

/** They take a secret, which no example can hold. */
const signIn =
  /^\/admin\/|\/(auth|users\/me|users\/verify|users\/password\/reset|event-sources\/\{source_id\}\/events)\b/;

describe('"Try it out" in the docs', () => {
  let darkroom: TestDarkroom;
  let document: Document;
  let operations: [verb: string, path: string, operation: Operation][];
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres');
    document = (await (await darkroom.request('/api/openapi.json')).json()) as Document;
    operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
      Object.entries(verbs).map(([verb, it_]): (typeof operations)[number] => [verb, path, it_]),
    );
  });
  afterAll(() => darkroom.close());

  it('has a summary and a tag for every route', () => {
    for (const [verb, path, { summary = '', tags = [] }] of operations) {
      about(`${verb} ${path}`, () => expect(summary).toMatch(/^\S.{5,}$/));
      about(`${verb} ${path}`, () => expect(tags.length).toBeGreaterThan(0));
    }
  });

  it('has a telling name for every schema', () => {
    const names = Object.keys(document.components.schemas);
    for (const name of names) expect(name).toMatch(/^[A-Z][A-Za-z]+$/);
    expect(JSON.stringify(document)).not.toMatch(/__schema/);
  });

  it('accepts a key and uses it from the page', async () => {
    const { bearer, basic } = document.components.securitySchemes;
    expect([bearer?.type, bearer?.scheme]).toEqual(['http', 'bearer']);
    expect([basic?.type, basic?.scheme]).toEqual(['http', 'basic']);
    const page = await darkroom.request('/api/docs');
    expect(page.headers.get('content-security-policy')!).toMatch(/connect-src 'self'/);
  });

  const schemaOf = ({ responses }: Operation, status: number) =>
    responses[status]?.content?.['application/json']?.schema;

  it('names every key of every answer: a new one is added here, or is not shown (security 10)', () => {
    const keys = operations.flatMap(([, , { responses }]) =>
      Object.entries(responses)
        .filter(([status]) => status.startsWith('2'))
        .flatMap(([, { content }]) => Object.values(content ?? {}))
        .flatMap(({ schema }) => keysOf(schema, document.components.schemas)),
    );
    expect([...new Set(keys)].toSorted()).toEqual(answerKeys);
  });

  it('shows examples that the API accepts, and answers with snake_case keys that it describes (security 10)', async () => {
    const ids: Record<string, string> = {};
    const bodies = operations.filter(([, path, { requestBody }]) => {
      return requestBody !== undefined && !signIn.test(path);
    });
    expect(bodies.length).toBeGreaterThan(0);
    for (const [verb, path, { requestBody }] of operations) {
      for (const { schema } of Object.values(requestBody?.content ?? {})) {
        if (!path.startsWith('/admin/'))
          about(`${verb} ${path}`, () => expect(schema.example).not.toBe(undefined));
      }
    }
    const filled = (path: string) => path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name]!);
    const isDescribed = (what: string, body: unknown, schema: Schema | undefined) =>
      about(what, () =>
        expect(undocumentedKeys(body, schema, document.components.schemas)).toEqual([]),
      );
    const send = async ([verb, path, operation]: (typeof bodies)[number]) => {
      const { requestBody } = operation;
      for (const [type, { schema }] of Object.entries(requestBody!.content)) {
        about(`${verb} ${path}`, () => expect(schema.example).not.toBe(undefined));
        const answer = await darkroom.request(filled(path), {
          method: verb.toUpperCase(),
          ...(type === 'multipart/form-data'
            ? { body: await pictureForm() }
            : {
                body: JSON.stringify(schema.example).replace(anId, ids['image_id'] ?? ''),
                headers: { 'content-type': type },
              }),
        });
        about(`${verb} ${path}: ${answer.status}`, () =>
          expect([200, 201, 202]).toContain(answer.status),
        );
        if (!answer.headers.get('content-type')!.includes('json')) continue;
        const made = (await answer.json()) as Record<string, string | undefined>;
        expect(otherKeys(made)).toEqual([]);
        isDescribed(`${verb} ${path}`, made, schemaOf(operation, answer.status));
        // The task of an event is no generation.
        const own = /\/events\b/.test(path) ? ['event_id'] : ['task_id'];
        for (const name of [...own, 'webhook_id', 'upload_id', 'source_id']) {
          if (made[name] !== undefined) ids[name] = made[name];
        }
      }
    };
    // What names a picture needs one.
    const [later, first] = [true, false].map((named) =>
      bodies.filter(([, path]) => /\{|images\//.test(path) === named),
    );
    for (const one of first!) await send(one);
    const { result } = await darkroom.finished(ids['task_id']!);
    ids['image_id'] = result!.images[0]!.image_id;
    const people = (await (await darkroom.request('/api/v1/users')).json()) as {
      users: { id: string }[];
    };
    ids['user_id'] = people.users[0]!.id;
    ids['chat_id'] = 'a chat';
    const message = { chat_id: 'a chat', user_message: 'hello', user_id: ids['user_id'] };
    const client = darkroom.app.get(TaskClient);
    const saving = await client.send(darkroom.database.manager, saveChatHistoryTask, message);
    await saving.get({ timeoutMs: 30_000 });
    ids['file_id'] = await addFile(darkroom, ids['user_id']);
    for (const one of later!) await send(one);
    const tested = await darkroom.request(`/api/v1/webhooks/${ids['webhook_id']}/test`, {
      method: 'POST',
    });
    ids['delivery_id'] = ((await tested.json()) as { delivery_id: string }).delivery_id;
    for (const [verb, path, operation] of operations) {
      const { parameters } = operation;
      if (verb !== 'get') continue;
      const query = new URLSearchParams();
      for (const { in: where, name, required, schema } of parameters) {
        if (where !== 'query' || !required) continue;
        about(`${path}: ${name}`, () => expect(schema.example).not.toBe(undefined));
        query.set(name, String(schema.example));
      }
      const url = filled(path);
      const answer = await darkroom.request(query.size > 0 ? `${url}?${query.toString()}` : url);
      about(`${path}: ${await answer.clone().text()}`, () => expect(answer.status).toBe(200));
      if (!answer.headers.get('content-type')!.includes('json')) continue;
      const body = (await answer.json()) as { result?: unknown };
      isDescribed(path, body, schemaOf(operation, 200));
      // The result of a picture is ours, unlike one of a handler that somebody else wrote. JSON Schema has its own words.
      const ours = { ...body, result: null, of_task: body.result };
      const text = JSON.stringify(ours, (key, value: unknown) => (key === 'schema' ? null : value));
      about(path, () => expect(otherKeys(JSON.parse(text))).toEqual([]));
    }
  });
});
