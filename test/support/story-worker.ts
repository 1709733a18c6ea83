import { NodeRows } from '../../src/features/pipelines/node-rows.js';
import type { QueueEngineName } from './queue-engines.js';
import { storyLab } from './story-pipeline.js';
import { openTaskLab } from './task-lab.js';

/**
 * A worker of its own process that runs the pipeline of stories. It dies of SIGKILL before or after it writes a node for
 * the DIE_AT-th time.
 */
const { DATABASE_URL, QUEUE_URL, ENGINE, DIE_WHEN, DIE_AT } = process.env;

type Method = (this: unknown, ...args: never[]) => Promise<unknown>;

let left = Number(DIE_AT ?? 0);
const methods = NodeRows.prototype as unknown as Record<string, Method>;
for (const name of ['write', 'writeWith']) {
  const original = methods[name]!;
  methods[name] = async function (...args) {
    const last = --left === 0;
    if (last && DIE_WHEN === 'writing') die();
    const answer = await original.apply(this, args);
    if (last) die();
    return answer;
  };
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

await openTaskLab(ENGINE as QueueEngineName, {
  ...storyLab,
  stores: {
    databaseUrl: DATABASE_URL!,
    queueUrl: QUEUE_URL,
    close: async () => {},
  },
});
