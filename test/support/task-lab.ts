import type { INestApplicationContext, Provider, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import type { Settings } from '../../src/config/config.module.js';
import type { Canvas } from '../../src/tasks/canvas/canvas.js';
import { Reconciler } from '../../src/tasks/hints/reconciler.js';
import { TaskClient, type SendOptions } from '../../src/tasks/sending/task-client.js';
import type {
  PayloadInput,
  Result,
  TaskDefinition,
} from '../../src/tasks/definitions/task-definition.js';
import { TaskRegistry } from '../../src/tasks/definitions/task-registry.js';
import { TaskHints } from '../../src/tasks/hints/task-hints.js';
import { TaskClaims } from '../../src/tasks/ledger/task-claims.js';
import { TaskTransitions } from '../../src/tasks/ledger/task-transitions.js';
import { TaskLeases } from '../../src/tasks/ledger/task-leases.js';
import { isFinal, type TaskState } from '../../src/tasks/definitions/task-state.js';
import { TaskEntity } from '../../src/tasks/ledger/task.entity.js';
import { TaskWorkers } from '../../src/tasks/task-workers.js';
import { QUEUE_NAMES, type QueueName } from '../../src/tasks/definitions/queues.js';
import { eventually } from './eventually.js';
import { labModule } from './lab-module.js';
import { makeDue } from './make-due.js';
import { openStores, type QueueEngineName, type TestStores } from './queue-engines.js';
import { loggerOf, settingsFor } from './settings.js';

/** The task core with handlers of a test, on real stores. No feature, no HTTP. */
export interface TaskLab {
  stores: TestStores;
  database: DataSource;
  claims: TaskClaims;
  transitions: TaskTransitions;
  leases: TaskLeases;
  hints: TaskHints;
  reconciler: Reconciler;
  workers: TaskWorkers;
  get: INestApplicationContext['get'];
  send: <D extends TaskDefinition>(
    definition: D,
    payload: PayloadInput<D>,
    options?: SendOptions<Result<D>>,
  ) => Promise<string>;
  client: TaskClient;
  /** @returns id of its root */
  sendCanvas: (canvas: Canvas<undefined, unknown>) => Promise<string>;
  task: (id: string) => Promise<TaskEntity>;
  /** The task once it is in one of these states. */
  reaches: (id: string, ...states: TaskState[]) => Promise<TaskEntity>;
  finished: (id: string) => Promise<TaskEntity>;
  /** Ends the wait of a delayed or retrying task. */
  makeDue: (id: string) => Promise<void>;
  /** Forgets every hint: a wiped store. */
  wipeQueues: () => Promise<void>;
  close: () => Promise<void>;
}

export interface TaskLabOptions {
  providers?: Provider[];
  /** Of features. */
  modules?: Type[];
  settings?: Partial<Settings>;
  /** Queues to serve from the start; all by default. */
  serve?: QueueName[];
  /** The start is refused when a defined task has no handler. Else it may be one of another file (grouped-files.ts). */
  complete?: boolean;
  /** Name of its worker; one of its own by default. */
  name?: string;
  /** Instead of stores of its own: a second process on the same ones. */
  stores?: TestStores;
}

let labs = 0;

export async function openTaskLab(
  engine: QueueEngineName,
  options: TaskLabOptions = {},
): Promise<TaskLab> {
  const stores = options.stores ?? (await openStores(engine));
  const settings = settingsFor(stores, options.settings);
  const app = await NestFactory.createApplicationContext(
    labModule(settings, options.providers, options.modules),
    {
      logger: loggerOf(settings),
      abortOnError: false,
    },
  );
  const database = app.get(DataSource);
  const hints = app.get(TaskHints);
  const workers = app.get(TaskWorkers);
  if (options.complete !== true) app.get(TaskRegistry).collect([]);
  const name = options.name ?? `lab-${++labs}`;
  const serve = options.serve ?? QUEUE_NAMES;
  if (serve.length > 0) workers.start([...serve], { name });
  const task = (id: string) => database.manager.findOneByOrFail(TaskEntity, { id });
  const reaches = (id: string, ...states: TaskState[]) =>
    eventually(`task ${id} is ${states.join(' or ')}`, async () => {
      const now = await task(id);
      return states.includes(now.state) && now;
    });
  return {
    stores,
    database,
    hints,
    workers,
    claims: app.get(TaskClaims),
    transitions: app.get(TaskTransitions),
    leases: app.get(TaskLeases),
    reconciler: app.get(Reconciler),
    get: app.get.bind(app),
    send: async (definition, payload, sendOptions) =>
      (await app.get(TaskClient).send(database.manager, definition, payload, sendOptions)).id,
    client: app.get(TaskClient),
    sendCanvas: async (canvas) =>
      (await app.get(TaskClient).sendCanvas(database.manager, canvas)).id,
    task,
    reaches,
    finished: (id) =>
      eventually(`task ${id} is over`, async () => {
        const now = await task(id);
        return isFinal(now.state) && now;
      }),
    makeDue: (id) => makeDue(database, hints, id),
    wipeQueues: async () => {
      for (const name of QUEUE_NAMES) await hints.of(name).obliterate({ force: true });
    },
    close: async () => {
      await workers.drain(1_000);
      await app.close();
      if (options.stores === undefined) await stores.close();
    },
  };
}
