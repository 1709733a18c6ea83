import { expect } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import { endConnections } from './end-connections.js';
import { eventually } from './eventually.js';
import type { Link } from './link.js';
import type { PostgresServer } from './postgres-server.js';
import type { TestProcess } from './processes.js';
import type { RedisServer } from './stores.js';

export interface Field {
  cluster: Cluster;
  workers: TestProcess[];
  startWorker: () => Promise<TestProcess>;
  postgres: PostgresServer;
  redis: RedisServer | undefined;
  /** Between the workers and the engine. */
  engineLink: Link;
  /** How long what freezes stays frozen. */
  outageMs: number;
}

type Random = (below: number) => number;

interface Victim {
  id: string;
  attempt: number;
}

interface Harm {
  /** When things could go on again. */
  since: Date;
  /** What the worker had that went away. */
  victims?: Victim[];
}

/** Does harm and undoes it. */
type Fault = (field: Field, random: Random) => Promise<Harm>;

export const faults: Record<string, Fault> = {
  async 'a worker is killed'({ cluster, workers, startWorker }, random) {
    const [victim] = workers.splice(random(workers.length), 1);
    await atWork(cluster, victim!);
    victim!.kill('SIGKILL');
    const since = new Date();
    await victim!.ended();
    const victims = await heldBy(cluster, victim!);
    workers.push(await startWorker());
    return { since, victims };
  },
  async 'a worker freezes for longer than its lease'({ cluster, workers }, random) {
    const victim = workers[random(workers.length)]!;
    await atWork(cluster, victim);
    victim.kill('SIGSTOP');
    const since = new Date();
    const victims = await heldBy(cluster, victim);
    await delay(5_000);
    victim.kill('SIGCONT');
    return { since, victims };
  },
  async 'a worker is replaced'({ workers, startWorker }, random) {
    const [old] = workers.splice(random(workers.length), 1);
    old!.kill('SIGTERM');
    workers.push(await startWorker());
    expect(await old!.ended()).toBe(0);
    return { since: new Date() };
  },
  async 'Postgres freezes'({ postgres, outageMs }) {
    await postgres.freeze();
    await delay(outageMs);
    postgres.thaw();
    return { since: new Date() };
  },
  async 'Postgres restarts'({ postgres }) {
    await postgres.restart();
    return { since: new Date() };
  },
  async 'connections to the database end, over and over'({ cluster }, random) {
    for (let n = 0; n < 10; n++) {
      await endConnections(cluster.database).catch(() => {});
      await delay(random(300));
    }
    return { since: new Date() };
  },
  async 'the queue is emptied'({ cluster, redis }) {
    if (redis) {
      await redis.kill();
      await redis.start();
    } else {
      await cluster.database.query('TRUNCATE bullmq.job CASCADE');
    }
    return { since: new Date() };
  },
  async 'the engine freezes'({ engineLink, outageMs }) {
    engineLink.freeze();
    await delay(outageMs);
    engineLink.thaw();
    return { since: new Date() };
  },
  async 'the engine restarts'({ cluster }) {
    await cluster.sketch.restart(500);
    return { since: new Date() };
  },
  async 'the engine answers nonsense'({ cluster }, random) {
    const kinds = ['status_503', 'reset_mid_body', 'truncated_png', 'wrong_size'] as const;
    cluster.sketch.misbehave({ kind: kinds[random(kinds.length)]!, times: 3 });
    return { since: new Date() };
  },
};

function heldBy({ database }: Cluster, { child }: TestProcess): Promise<Victim[]> {
  return database.query(
    `SELECT id, attempt FROM tasks WHERE state = 'STARTED' AND worker LIKE '%:' || $1::text`,
    [child.pid],
  );
}

/** So that there is something to lose. */
async function atWork(cluster: Cluster, worker: TestProcess): Promise<void> {
  const held = async () => (await heldBy(cluster, worker)).length > 0;
  await eventually('it is at work', held);
}

/**
 * Milliseconds until each victim was begun again or over; without victims, until another picture was made.
 */
export async function recovery(
  { database }: Cluster,
  { since, victims = [] }: Harm,
): Promise<number[]> {
  const ids = victims.map(({ id }) => id);
  const moments = async (): Promise<Date[] | false> => {
    if (victims.length === 0) {
      const [{ made }] = await database.query(
        `SELECT min(finished_at) AS made FROM tasks
          WHERE name = 'generate_image_task' AND state = 'SUCCESS' AND finished_at > $1`,
        [since],
      );
      return made !== null && [made];
    }
    const rows: (Victim & { begun: Date; over: Date | null })[] = await database.query(
      `SELECT id, attempt, started_at AS begun, finished_at AS over FROM tasks WHERE id = ANY($1)`,
      [ids],
    );
    const known = rows.map(({ id, attempt, begun, over }) =>
      attempt > victims.find((victim) => victim.id === id)!.attempt ? begun : over,
    );
    return known.every((moment) => moment !== null) && known;
  };
  // The database may be away for a moment yet.
  const at = await eventually('it goes on', () => moments().catch(() => false as const));
  return at.map((moment) => moment.getTime() - since.getTime());
}
