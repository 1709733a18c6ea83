import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { TaskHints } from '../../tasks/task-hints.js';
import { TasksModule } from '../../tasks/tasks.module.js';
import { AuthGate } from '../auth/auth-gate.js';
import { AuthModule } from '../auth/auth.module.js';
import { adminQueues, boardPath } from './admin-queues.js';

/** Bull Board over the three queues, for admins, at {@link boardPath}. */
@Module({ imports: [TasksModule, AuthModule] })
export class AdminQueuesModule implements OnApplicationBootstrap {
  constructor(
    private readonly http: HttpAdapterHost,
    private readonly hints: TaskHints,
    private readonly gate: AuthGate,
  ) {}

  /** Here the error handler of the server is in place and it does not listen yet. */
  async onApplicationBootstrap(): Promise<void> {
    const server = this.http.httpAdapter.getInstance<FastifyInstance>();
    await server.register(adminQueues(this.hints, this.gate), { prefix: boardPath });
  }
}
