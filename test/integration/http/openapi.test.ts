import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { problemSchema } from '../../../src/infrastructure/http/problem.js';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
import { ruleOf } from '../../support/route-rules.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

interface Schema {
  type?: string;
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  default?: unknown;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
}
type Content = Record<string, { schema: Schema & { $ref?: string } }>;
interface Operation {
  operationId: string;
  parameters: { in: string; name: string; required: boolean; schema: Schema }[];
  requestBody?: { content: Content };
  responses: Record<string, { description: string; content?: Content }>;
  security?: unknown[];
}
interface Document {
  openapi: string;
  info: { description: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
  security: unknown[];
}

const ours = (path: string) => /^\/($|account|api\/v1|health|events|admin\/log)/.test(path);

describe('the OpenAPI document', () => {
  let darkroom: TestDarkroom;
  let document: Document;
  let operations: [name: string, path: string, operation: Operation][];
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    const answer = await darkroom.request('/api/openapi.json');
    expect(answer.status).toBe(200);
    document = (await answer.json()) as Document;
    operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
      Object.entries(verbs).map(([verb, operation]): (typeof operations)[number] => [
        `${verb.toUpperCase()} ${path}`,
        path,
        operation,
      ]),
    );
  });
  afterAll(() => darkroom.close());

  it('has every route of the API, and no other (security 47)', () => {
    const routes = routesOf(darkroom.app)
      .all()
      .filter(({ url }) => ours(url))
      .flatMap(({ url, verbs }) => {
        const path = url.replace(/:(\w+)/g, '{$1}');
        return verbs.filter((verb) => verb !== 'HEAD').map((verb) => `${verb} ${path}`);
      });
    expect(routes.length).toBeGreaterThanOrEqual(9);
    expect(operations.map(([name]) => name).toSorted()).toEqual(routes.toSorted());
  });

  it('asks for no secret in a URL (security 5)', () => {
    const names = operations.flatMap(([, , { parameters }]) =>
      parameters.filter(({ in: where }) => where !== 'header').map(({ name }) => name),
    );
    expect(names.length).toBeGreaterThan(10);
    const secret = names.filter((name) => /key|token|secret|password|email/.test(name));
    // The token of a mail, which has to be in its URL (RFC 8058), switches off mails and does nothing else.
    expect(new Set(secret)).toEqual(new Set(['key_id', 'token']));
    const withToken = operations.filter(([, , { parameters }]) =>
      parameters.some(({ name }) => name === 'token'),
    );
    expect(new Set(withToken.map(([, path]) => path))).toEqual(
      new Set(['/api/v1/mail/unsubscribe']),
    );
  });

  it('has the version of the package', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(document.info.version).toBe(version);
  });

  it('describes the answers of each route, including errors', () => {
    for (const [name, , { responses }] of operations) {
      const { default: problem, ...others } = responses;
      const ref = { schema: { $ref: '#/components/schemas/Problem' } };
      about(name, () => expect(problem?.content).toEqual({ 'application/problem+json': ref }));
      const successes = Object.keys(others).filter((status) => /^[23]/.test(status));
      about(name, () => expect(successes.length).toBeGreaterThan(0));
      for (const [status, { description, content }] of Object.entries(others)) {
        about(`${name} ${status}`, () => expect(description !== '').toBe(true));
        const bodyless = status.startsWith('3') || status === '204';
        about(`${name} ${status}`, () =>
          expect(bodyless || Object.keys(content ?? {}).length > 0).toBe(true),
        );
      }
    }
  });

  it('names each operation once, and every parameter of its path', () => {
    const ids = operations.map(([, , operation]) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, path, { parameters }] of operations) {
      const inPath = parameters.filter((p) => p.in === 'path');
      expect(inPath.every((p) => p.required)).toBe(true);
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, part]) => part!);
      about(name, () => expect(new Set(inPath.map((p) => p.name))).toEqual(new Set(named)));
      const all = parameters.map((p) => `${p.in} ${p.name.toLowerCase()}`);
      about(name, () => expect(new Set(all).size).toBe(all.length));
    }
  });

  it('refers to nothing that is missing', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)];
    expect(refs.length).toBeGreaterThan(9);
    for (const [, ref] of refs) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(ref!)?.[1];
      about(ref, () =>
        expect(name !== undefined && name in document.components.schemas).toBe(true),
      );
    }
  });

  it('describes the shape of errors and the meaning of each code', () => {
    const { properties, required } = document.components.schemas['Problem']!;
    expect(Object.keys(properties!)).toEqual(Object.keys(problemSchema.shape));
    expect(required!.includes('code') && !required!.includes('errors')).toBe(true);
    expect(document.info.description).toMatch(/\| `invalid_fields` \| Some fields/);
  });

  it('has the limits of the generation request', () => {
    const generate = document.paths['/api/v1/generate-image']!['post']!;
    const body = generate.requestBody!.content['application/json']!.schema;
    expect(body.required).toEqual(['prompt']);
    expect(body.additionalProperties).toBe(false);
    const limits: Record<string, Schema> = {
      prompt: { minLength: 1, maxLength: 2000 },
      width: { minimum: 64, maximum: 2048, multipleOf: 8, default: 512 },
      steps: { minimum: 1, maximum: 150, default: 20 },
      cfg_scale: { minimum: 0, maximum: 30, default: 7 },
      seed: { minimum: -1, maximum: 4_294_967_295, default: -1 },
      batch_size: { minimum: 1, maximum: 8, default: 1 },
      priority: { enum: ['high', 'normal', 'low'], default: 'normal' },
      expires_in: { minimum: 1, maximum: 604_800 },
    };
    for (const [field, limit] of Object.entries(limits)) {
      about(field, () =>
        expect({ ...body.properties![field], ...limit }).toEqual(body.properties![field]),
      );
    }
    const headers = generate.parameters.filter((p) => p.in === 'header');
    const optional = headers.filter((p) => !p.required).map((p) => p.name);
    expect(optional.toSorted()).toEqual(['Idempotency-Key', 'Prefer']);
    expect(headers.length).toBe(2);
  });

  it('says which routes are open', () => {
    for (const [name, path, { security }] of operations) {
      const [verb] = name.split(' ');
      const rule = ruleOf(verb!, path.replace(/\{(\w+)\}/g, ':$1'));
      about(name, () => expect(security?.length === 0).toBe(rule === 'open' || rule === 'signed'));
    }
    expect(document.security.length).toBe(2);
  });

  it('has pages whose scripts are our own files', async () => {
    const page = await darkroom.request('/api/docs');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')!).toMatch(/script-src 'self';/);
    const text = await page.text();
    const files = [...text.matchAll(/(?:src|href)="\.\/(docs\/[^"]+)"/g)].map(([, file]) => file);
    expect(files.length).toBeGreaterThanOrEqual(4);
    for (const file of files) {
      const answer = await darkroom.request(`/api/${file}`);
      about(file, () => expect(answer.status).toBe(200));
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0);
    }
    expect(text).not.toMatch(/<script>/);
  });
});
