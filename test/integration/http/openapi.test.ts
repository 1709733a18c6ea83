import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { problemSchema } from '../../../src/infrastructure/http/problem.js';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
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
  info: { description: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
  security: unknown[];
}

const ours = (path: string) => /^\/(api\/v1|health|events|admin\/log)/.test(path);

describe('the OpenAPI document', () => {
  let darkroom: TestDarkroom;
  let document: Document;
  let operations: [name: string, path: string, operation: Operation][];
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    const answer = await darkroom.request('/api/openapi.json');
    assert.equal(answer.status, 200);
    document = (await answer.json()) as Document;
    operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
      Object.entries(verbs).map(([verb, operation]): (typeof operations)[number] => [
        `${verb.toUpperCase()} ${path}`,
        path,
        operation,
      ]),
    );
  });
  after(() => darkroom.close());

  it('has every route of the API, and no other', () => {
    const routes = routesOf(darkroom.app)
      .all()
      .filter(({ url }) => ours(url))
      .flatMap(({ url, verbs }) => {
        const path = url.replace(/:(\w+)/g, '{$1}');
        return verbs.filter((verb) => verb !== 'HEAD').map((verb) => `${verb} ${path}`);
      });
    assert.ok(routes.length >= 9);
    assert.deepEqual(operations.map(([name]) => name).toSorted(), routes.toSorted());
  });

  it('describes what each answers, errors included', () => {
    for (const [name, , { responses }] of operations) {
      const { default: problem, ...others } = responses;
      const ref = { schema: { $ref: '#/components/schemas/Problem' } };
      assert.deepEqual(problem?.content, { 'application/problem+json': ref }, name);
      const successes = Object.keys(others).filter((status) => /^[23]/.test(status));
      assert.ok(successes.length > 0, name);
      for (const [status, { description, content }] of Object.entries(others)) {
        assert.ok(description !== '', `${name} ${status}`);
        const bodyless = status.startsWith('3');
        assert.ok(bodyless || Object.keys(content ?? {}).length > 0, `${name} ${status}`);
      }
    }
  });

  it('names each operation once and every part of its path', () => {
    const ids = operations.map(([, , operation]) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length);
    for (const [name, path, { parameters }] of operations) {
      const inPath = parameters.filter((p) => p.in === 'path');
      assert.ok(inPath.every((p) => p.required));
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, part]) => part!);
      assert.deepEqual(new Set(inPath.map((p) => p.name)), new Set(named), name);
      const all = parameters.map((p) => `${p.in} ${p.name.toLowerCase()}`);
      assert.equal(new Set(all).size, all.length, name);
    }
  });

  it('refers to nothing that is missing', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)];
    assert.ok(refs.length > 9);
    for (const [, ref] of refs) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(ref!)?.[1];
      assert.ok(name !== undefined && name in document.components.schemas, ref);
    }
  });

  it('has the shape of errors and what each code means', () => {
    const { properties, required } = document.components.schemas['Problem']!;
    assert.deepEqual(Object.keys(properties!), Object.keys(problemSchema.shape));
    assert.ok(required!.includes('code') && !required!.includes('errors'));
    assert.match(document.info.description, /\| `invalid_fields` \| Some fields/);
  });

  it('has the limits of the generation request', () => {
    const generate = document.paths['/api/v1/generate-image']!['post']!;
    const body = generate.requestBody!.content['application/json']!.schema;
    assert.deepEqual(body.required, ['prompt']);
    assert.equal(body.additionalProperties, false);
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
      assert.deepEqual({ ...body.properties![field], ...limit }, body.properties![field], field);
    }
    const headers = generate.parameters.filter((p) => p.in === 'header');
    const optional = headers.filter((p) => !p.required).map((p) => p.name);
    assert.deepEqual(optional.toSorted(), ['Idempotency-Key', 'Prefer']);
    assert.equal(headers.length, 2);
  });

  it('says what is open', () => {
    const open = operations.filter(([, , { security }]) => security?.length === 0);
    const names = [
      'GET /admin/login',
      'GET /health/live',
      'GET /health/ready',
      'POST /admin/login',
    ];
    assert.deepEqual(open.map(([name]) => name).toSorted(), names);
    assert.equal(document.security.length, 2);
  });

  it('has pages whose scripts are files of ours', async () => {
    const page = await darkroom.request('/api/docs');
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-security-policy')!, /script-src 'self';/);
    const text = await page.text();
    const files = [...text.matchAll(/(?:src|href)="\.\/(docs\/[^"]+)"/g)].map(([, file]) => file);
    assert.ok(files.length >= 4);
    for (const file of files) {
      const answer = await darkroom.request(`/api/${file}`);
      assert.equal(answer.status, 200, file);
      assert.ok((await answer.arrayBuffer()).byteLength > 0, file);
    }
    assert.doesNotMatch(text, /<script>/);
  });
});
