import type { EmbeddedPostgres } from '../../src/infrastructure/embedded/embedded-postgres.js';
import { postgresIn, signal } from '../../src/infrastructure/embedded/process-table.js';

/** Stops every process of the server, as a machine does that hangs: connections stay, and nothing answers. */
export async function freeze(postgres: Pick<EmbeddedPostgres, 'pid'>, cluster: string) {
  // The postmaster first: it would start others.
  signal(postgres.pid, 'SIGSTOP');
  const stopped = (await postgresIn(cluster, postgres.pid)).map(({ pid }) => pid);
  for (const pid of stopped) signal(pid, 'SIGSTOP');
  return {
    thaw: () => {
      for (const pid of [...stopped, postgres.pid]) signal(pid, 'SIGCONT');
    },
  };
}
