import { expect } from '@jest/globals';
import { about } from './about.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import type { Settings } from '../../src/config/config.module.js';
import { AdminKey } from '../../src/features/auth/admin-key.js';
import { ApiKeys } from '../../src/features/auth/api-keys.js';
import { AuthService } from '../../src/features/auth/auth.service.js';
import type {
  GenerationAccepted,
  GenerationStatus,
} from '../../src/features/image-generation/image-generation.dto.js';
import { createApi } from '../../src/create-api.js';
import type { SketchOptions } from '../../src/sketch/options.js';
import { createSketch, type Sketch } from '../../src/sketch/sketch-server.js';
import { StandaloneModule } from '../../src/standalone.module.js';
import { QUEUE_NAMES } from '../../src/tasks/definitions/queues.js';
import { TaskWorkers } from '../../src/tasks/task-workers.js';
import { eventually } from './eventually.js';
import { openStores, type QueueEngineName, type TestStores } from './queue-engines.js';
import { loggerOf, settingsFor } from './settings.js';

/** A whole Darkroom in this process: real HTTP, Postgres, queue, workers and stand-in engine. */
export interface TestDarkroom {
  url: string;
  adminKey: string;
  app: NestFastifyApplication;
  database: DataSource;
  stores: TestStores;
  settings: Settings;
  sketch: Sketch;
  /** A new ordinary user's key. */
  newUserKey(name: string): Promise<string>;
  /** `path` from the root, with the admin's key unless another is given; null: none. */
  request(path: string, init?: TestRequest): Promise<Response>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Posts a generation that is accepted. @returns the task's id */
  generate(body: Record<string, unknown>): Promise<string>;
  status(taskId: string): Promise<GenerationStatus>;
  /** Workers for all queues, in this process; from the start unless `workers` is false. */
  startWorkers(): void;
  /** The status once the task is over. */
  finished(taskId: string, withinMs?: number): Promise<GenerationStatus>;
  close(): Promise<void>;
}

export interface TestRequest extends RequestInit {
  headers?: Record<string, string>;
  key?: string | null;
}

export interface TestDarkroomOptions {
  settings?: Partial<Settings>;
  sketch?: Partial<SketchOptions>;
  /** False: an API alone; tasks stay where they are. */
  workers?: boolean;
}

/** An event stream may have no end; those who read it are in event-source.ts. */
async function withoutStream(answer: Response): Promise<Response> {
  const { status, headers } = answer;
  if (headers.get('content-type')?.startsWith('text/event-stream') !== true) return answer;
  await answer.body?.cancel();
  return new Response(null, { status, headers });
}

export async function startDarkroom(
  engine: QueueEngineName,
  options: TestDarkroomOptions = {},
): Promise<TestDarkroom> {
  const stores = await openStores(engine);
  const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-data-'));
  const sketch = createSketch({ stepMs: 0, modelSwitchMs: 0, ...options.sketch });
  const engineUrls = [await sketch.listen()];
  const settings = settingsFor(stores, { dataDir, engineUrls, ...options.settings });
  const app = await createApi(StandaloneModule.with(settings), settings, loggerOf(settings));
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const workers = app.get(TaskWorkers);
  const startWorkers = () => workers.start([...QUEUE_NAMES]);
  if (options.workers !== false) startWorkers();
  const { key: adminKey } = await app.get(AdminKey).ensure(join(dataDir, 'admin.key'));
  const request: TestDarkroom['request'] = async (
    path,
    { key = adminKey, headers, ...init } = {},
  ) =>
    withoutStream(
      await fetch(url + path, {
        ...init,
        headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers },
      }),
    );
  const post: TestDarkroom['post'] = (path, body, headers) =>
    request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  const status: TestDarkroom['status'] = async (taskId) => {
    const response = await request(`/api/v1/generation-status/${taskId}`);
    expect(response.status).toBe(200);
    return (await response.json()) as GenerationStatus;
  };
  return {
    url,
    adminKey,
    app,
    database: app.get(DataSource),
    stores,
    settings,
    sketch,
    newUserKey: async (name) => {
      const auth = app.get(AuthService);
      return (await app.get(ApiKeys).create((await auth.createUser(name, 'user')).id)).key;
    },
    request,
    post,
    generate: async (body) => {
      const response = await post('/api/v1/generate-image/', body);
      about(await response.clone().text(), () => expect(response.status).toBe(202));
      return ((await response.json()) as GenerationAccepted).task_id;
    },
    status,
    startWorkers,
    finished: (taskId, withinMs) =>
      eventually(
        `task ${taskId} is over`,
        async () => {
          const now = await status(taskId);
          return now.finished_at !== null && now;
        },
        withinMs,
      ),
    close: async () => {
      await workers.drain(1_000);
      await app.close();
      await sketch.close();
      await stores.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
