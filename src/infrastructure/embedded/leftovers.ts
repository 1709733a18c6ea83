import { setTimeout as delay } from 'node:timers/promises';
import type { DataFolder } from './data-folder.js';
import { DataFolderInUse } from './embedded-postgres.error.js';
import { readPostmasterFile, removePostmasterFile } from './postmaster-file.js';
import { answers, postgresIn, signal, type PostgresProcess } from './process-table.js';

const patienceMs = 3000;

/**
 * The caller holds the folder's lock, so a Postgres of ours that still runs here has lost its Darkroom and is
 * stopped. One that a person started is left alone.
 */
export async function stopLeftovers(
  folder: DataFolder,
  log: (line: string) => void,
): Promise<void> {
  const file = await readPostmasterFile(folder.cluster);
  const running = () => postgresIn(folder.cluster, file?.pid);
  let left = await running();
  const foreign = left.find((one) => one.isPostmaster && !one.isOurs);
  if (foreign) throw new DataFolderInUse(folder.root, foreign.pid, 'Postgres');
  if (left.length > 0) log(`Stopping a Postgres left over from an earlier run (${pids(left)}).`);

  const steps = [
    (one: PostgresProcess) => one.isPostmaster && signal(one.pid, 'SIGINT'),
    (one: PostgresProcess) => signal(one.pid, 'SIGQUIT'),
    (one: PostgresProcess) => signal(one.pid, 'SIGKILL'),
  ];
  for (const step of steps) {
    left.forEach(step);
    const deadline = Date.now() + patienceMs;
    while (left.length > 0 && Date.now() < deadline) {
      await delay(25);
      left = await running();
    }
  }
  const [survivor] = left;
  if (survivor) throw new DataFolderInUse(folder.root, survivor.pid, 'Postgres');

  // Postgres mistakes any live process with the pid in its file for itself; no Postgres runs here any more.
  const stale = await readPostmasterFile(folder.cluster);
  if (stale && answers(stale.pid)) await removePostmasterFile(folder.cluster);
}

const pids = (processes: PostgresProcess[]) => processes.map(({ pid }) => pid).join(', ');
