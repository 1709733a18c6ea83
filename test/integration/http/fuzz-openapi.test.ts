import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { MailRequests, WrongPasswords } from '../../../src/features/accounts/limits.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { FailedCredentials } from '../../../src/features/auth/failed-credentials.js';
import { about } from '../../support/about.js';
import { eventually } from '../../support/eventually.js';
import { creditBook } from '../../support/credits.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

/** `npm run test:fuzz` sends 200,000. */
const requests = Number(process.env['DARKROOM_TEST_FUZZ_REQUESTS'] ?? 3_000);
const timeoutMs = requests * 100 + 60_000;

interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}
interface Operation {
  parameters?: { in: string; name: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

interface Request {
  verb: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
  /** Which credential. */
  as: 'admin' | 'user' | 'nobody';
}

const text = fc.string({ unit: 'binary', maxLength: 40 });
/** What no schema expects: most of it is refused, and nothing of it may break anything. */
const nonsense: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    '\u0000',
    [],
    {},
    true,
    "' OR 1=1 --",
  ),
);
const mostly = (right: fc.Arbitrary<unknown>) =>
  fc.oneof({ arbitrary: right, weight: 9 }, { arbitrary: nonsense, weight: 1 });

function valueOf(
  schema: Schema,
  document: Document,
  ids: fc.Arbitrary<string>,
): fc.Arbitrary<unknown> {
  const of = (inner: Schema) => valueOf(inner, document, ids);
  if (schema.$ref !== undefined)
    return of(document.components.schemas[schema.$ref.split('/').at(-1)!]!);
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices) return fc.oneof(...choices.map(of));
  if (schema.enum) return mostly(fc.constantFrom(...schema.enum));
  switch (schema.type) {
    case 'object': {
      const fields = Object.entries(schema.properties ?? {});
      const known = fc.record(Object.fromEntries(fields.map(([name, one]) => [name, of(one)])), {
        requiredKeys: (schema.required ?? []).filter((name) => schema.properties?.[name]),
      });
      const more = fc.dictionary(fc.constantFrom('user_id', 'role', 'credits', 'x'), nonsense, {
        maxKeys: 1,
      });
      const extended = fc.tuple(known, more).map(([one, other]) => ({ ...one, ...other }));
      return mostly(fc.oneof({ arbitrary: known, weight: 8 }, { arbitrary: extended, weight: 1 }));
    }
    case 'array':
      return mostly(
        fc.array(of(schema.items ?? {}), {
          minLength: schema.minItems ?? 0,
          maxLength: Math.min(schema.maxItems ?? 3, 4),
        }),
      );
    case 'integer':
    case 'number': {
      const [min, max] = [schema.minimum ?? -1_000, schema.maximum ?? 1_000];
      const step = schema.multipleOf ?? 1;
      const inside = fc.integer({ min: Math.ceil(min / step), max: Math.floor(max / step) });
      return mostly(inside.map((n) => n * step));
    }
    case 'boolean':
      return mostly(fc.boolean());
    case 'string':
      if (schema.format === 'uuid') return mostly(ids);
      if (schema.format === 'email') return mostly(fc.emailAddress());
      return mostly(
        fc.string({
          minLength: schema.minLength ?? 0,
          maxLength: Math.min(schema.maxLength ?? 40, 60),
        }),
      );
    case undefined:
    default:
      return nonsense;
  }
}

/** A request of an operation as its description asks for it, or nearly so. */
function requestOf(
  [verb, path, { parameters = [], requestBody }]: [string, string, Operation],
  document: Document,
  ids: fc.Arbitrary<string>,
): fc.Arbitrary<Request> {
  const of = (where: string) => {
    const wanted = parameters.filter((p) => p.in === where && p.name !== 'Prefer');
    return fc.record(
      Object.fromEntries(wanted.map(({ name, schema }) => [name, valueOf(schema, document, ids)])),
      { requiredKeys: where === 'path' ? wanted.map(({ name }) => name) : [] },
    ) as fc.Arbitrary<Record<string, unknown>>;
  };
  const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const body: fc.Arbitrary<unknown> = content
    ? valueOf(content.schema, document, ids)
    : fc.constant(undefined);
  const as = fc.constantFrom<Request['as']>('admin', 'user', 'user', 'nobody');
  return fc
    .tuple(of('path'), of('query'), of('header'), body, as)
    .map(([inPath, inQuery, inHeader, value, who]) => {
      const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
        // Neither empty nor dots, which would be another path.
        encodeURIComponent(wellFormed(inPath[name])).replace(/^\.*$/, 'x'),
      );
      const query = new URLSearchParams(
        Object.entries(inQuery).map(([name, one]): [string, string] => [name, wellFormed(one)]),
      ).toString();
      const headers = Object.entries(inHeader).map(([name, one]) => [
        name,
        wellFormed(one).replace(/[^\x21-\x7e]/g, ''),
      ]);
      const isForm = type?.includes('form') === true;
      return {
        verb: verb.toUpperCase(),
        path: query === '' ? filled : `${filled}?${query}`,
        headers: {
          ...(Object.fromEntries(headers) as Record<string, string>),
          ...(type !== undefined && { 'content-type': type }),
        },
        body: isForm ? 'key=x' : value === undefined ? undefined : JSON.stringify(value),
        as: who,
      };
    });
}

/** `encodeURIComponent` refuses half of a surrogate pair. */
function wellFormed(value: unknown): string {
  const raw = typeof value === 'string' ? value : JSON.stringify(value);
  return raw.replace(/[\ud800-\udfff]/g, '\ufffd');
}

const readyPath = '/health/ready';

describe('every operation of the OpenAPI document', () => {
  let darkroom: TestDarkroom;
  let document: Document;
  let operations: [verb: string, path: string, operation: Operation][];
  let user: { id: string; key: string };
  const ids: string[] = [];
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    document = (await (await darkroom.request('/api/openapi.json')).json()) as Document;
    operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
      Object.entries(verbs).map(([verb, one]): (typeof operations)[number] => [verb, path, one]),
    );
    await newUser();
    // No limit by time holds up the run.
    let ms = Date.now();
    for (const limit of [FailedCredentials, MailRequests, WrongPasswords]) {
      darkroom.app.get(limit).now = () => (ms += 10_000);
    }
  });
  afterAll(() => darkroom.close());

  async function newUser(): Promise<void> {
    const { id } = await darkroom.app.get(AuthService).createUser(uuidv7(), 'user');
    const made = await darkroom.app.get(ApiKeys).create(id);
    user = { id, key: made.key };
    ids.push(id, made.id);
  }

  async function send({ verb, path, headers, body, as }: Request): Promise<Response> {
    const key = { admin: darkroom.adminKey, user: user.key, nobody: null }[as];
    const answer = await darkroom.request(path, {
      method: verb,
      key,
      headers,
      redirect: 'manual',
      ...(body !== undefined && verb !== 'GET' && { body }),
    });
    // A user may have ended the own key, or the account.
    if (as === 'user' && answer.status === 401) await newUser();
    return answer;
  }

  it(
    'answers properly, whatever is sent to it',
    async () => {
      const some = fc.nat().map((n) => (ids.length === 0 ? uuidv7() : ids[n % ids.length]!));
      const id = fc.oneof(some, fc.uuid());
      const request = fc.oneof(
        ...operations.map((operation) => requestOf(operation, document, id)),
      );
      const seen = new Map<string, Set<number>>();
      await fc.assert(
        fc.asyncProperty(request, async (one) => {
          const answer = await send(one);
          // Of a machine that is busy with other things. At the end it must be ready.
          if (one.path.startsWith(readyPath) && answer.status === 503) return;
          const words = await answer.clone().text();
          const said = `${one.verb} ${one.path} ${one.body}: ${answer.status} ${words.slice(0, 500)}`;
          about(said, () => expect(answer.status).toBeLessThan(500));
          const isPage = answer.headers.get('content-type')?.startsWith('text/html') === true;
          if (answer.status >= 400 && !isPage) await problemOf(answer, answer.status);
          const [, made] = /"task_id":"([0-9a-f-]{36})"/.exec(words) ?? [];
          if (made !== undefined && ids.length < 200) ids.push(made);
          const path = one.path.split('?')[0]!.replace(/[0-9a-f-]{36}/, '{id}');
          seen.set(path, (seen.get(path) ?? new Set()).add(answer.status));
        }),
        { numRuns: requests },
      );
      // It is not only refused.
      const accepted = [...seen.values()].filter((codes) => [...codes].some((code) => code < 300));
      expect(accepted.length).toBeGreaterThan(operations.length / 5);
      await eventually('it is ready', async () => (await darkroom.request(readyPath)).ok);
      await creditBook(darkroom.app).isRight();
    },
    timeoutMs,
  );
});
