import { BullBoardModule, type BullBoardModuleOptions } from '@bull-board/nestjs';
import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import { QUEUE_NAMES } from '../../tasks/definitions/queues.js';
import { TaskHints } from '../../tasks/hints/task-hints.js';
import { TasksModule } from '../../tasks/tasks.module.js';
import { AuthGate } from '../auth/auth-gate.js';
import { AuthModule } from '../auth/auth.module.js';
import { boardServer } from './board-server.js';
import { HintAdapter, type Standing } from './hint-adapter.js';

const board = BullBoardModule.forRootAsync({
  imports: [AuthModule],
  inject: [AuthGate],
  useFactory: (gate: AuthGate): BullBoardModuleOptions => ({
    route: '/admin/queues',
    adapter: boardServer(gate),
    boardOptions: {
      uiConfig: {
        boardTitle: 'Darkroom queues',
        // They would have to be fetched elsewhere, and tell an attacker what to look up.
        hideRedisDetails: true,
      },
    },
  }),
});

const queues = BullBoardModule.forFeature(
  ...QUEUE_NAMES.map((name) => ({ name, adapter: HintAdapter })),
);

/**
 * Bull Board over the three queues, for admins, at `/admin/queues`. Its jobs are hints: messages that name a task
 * which may start. The tasks themselves are rows of the ledger, the `tasks` table.
 */
@Module({ imports: [TasksModule, board, queues] })
export class AdminQueuesModule {
  constructor(hints: TaskHints, database: DataSource) {
    for (const name of QUEUE_NAMES) {
      HintAdapter.connect(hints.of(name), (ids) => standingsOf(database, ids));
    }
  }
}

async function standingsOf(database: DataSource, ids: string[]): Promise<Map<string, Standing>> {
  const found = await retried(() =>
    rows<Standing & { id: string }>(
      database,
      'SELECT id, state, attempt FROM tasks WHERE id = ANY($1)',
      [ids],
    ),
  );
  return new Map(found.map(({ id, state, attempt }) => [id, { state, attempt }]));
}
