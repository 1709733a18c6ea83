import { Worker } from 'node:worker_threads';
import { Logger, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { messageOf } from '../../common/message-of.js';
import type { Settings } from '../../config/config.module.js';
import { createLogger, type DarkroomLogger } from '../../infrastructure/http/logger.js';
import { exitOnUncaught } from '../../infrastructure/http/uncaught.js';
import { TaskRegistry } from '../definitions/task-registry.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import { ProcessNews } from '../process/process-news.js';
import { WorkerProcess } from '../process/worker-process.js';
import { AttemptAbort } from '../running/attempt-abort.js';
import { TaskAttempts } from '../running/task-attempts.js';
import { unpackReason } from './abort-reasons.js';
import type { ChildMessage, ParentMessage } from './child-messages.js';

/** Most database connections. One task needs few: for its handler, its progress and its final transaction. */
const connections = 4;

/** The module whose handlers the child runs. It must import `TaskWorkersModule`. */
export type ChildRoot = (settings: Settings) => DynamicModule;

/**
 * Turns this process into a child of a process pool. It runs the tasks that its parent sends and ends with
 * its parent.
 */
export function runChild(
  rootOf: ChildRoot,
  loggerOf: (settings: Settings, worker: string) => DarkroomLogger | false = createLogger,
): void {
  if (process.send === undefined) {
    process.stderr.write(
      'darkroom: This program is part of a worker. Start a worker with: npm run start:worker -- --pool processes\n',
    );
    process.exit(1);
  }
  exitOnUncaught();
  // A signal to the whole group is meant for the parent, which then tells its children what to stop.
  process.on('SIGINT', () => {}).on('SIGTERM', () => {});
  // Not `exit`, which may wait for native threads.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  const child = new RunningChild(rootOf, loggerOf);
  process.on('message', (message) => void child.hear(message as ParentMessage));
}

class RunningChild {
  private app: INestApplicationContext | undefined;
  private running: { task: ClaimedTask; abort: AttemptAbort } | undefined;

  constructor(
    private readonly rootOf: ChildRoot,
    private readonly loggerOf: (settings: Settings, worker: string) => DarkroomLogger | false,
  ) {}

  async hear(message: ParentMessage): Promise<void> {
    switch (message.kind) {
      case 'boot':
        return this.boot(message);
      case 'run':
        return this.run(message.task);
      case 'abort': {
        const { task, abort } = this.running ?? {};
        if (task?.id !== message.taskId || task.attempt !== message.attempt) return;
        return abort?.abort(unpackReason(message.reason));
      }
      case 'end':
        await this.app?.close();
        return process.exit(0);
    }
  }

  private async boot({
    settings: { ...settings },
    worker,
    parent,
  }: Extract<ParentMessage, { kind: 'boot' }>): Promise<void> {
    new Worker(new URL('./parent-watch.js', import.meta.url), { workerData: parent }).unref();
    settings.isChild = true;
    settings.workerPool = 'inline';
    settings.databasePoolSize = Math.min(settings.databasePoolSize, connections);
    const logger = this.loggerOf(settings, worker);
    Logger.overrideLogger(logger);
    try {
      const root = this.rootOf(settings);
      const app = await NestFactory.createApplicationContext(root, { logger, abortOnError: false });
      app.get(WorkerProcess).name = worker;
      app.get(ProcessNews).sendTo((topic, news) => say({ kind: 'news', topic, news }));
      app.get(TaskRegistry).collect();
      this.app = app;
      new Logger('Pool').log(`Ready for tasks, as a child of ${worker}`);
      say({ kind: 'ready' });
    } catch (error) {
      say({ kind: 'not_started', message: messageOf(error) }, () => process.exit(1));
    }
  }

  private async run(task: ClaimedTask): Promise<void> {
    const abort = new AttemptAbort();
    this.running = { task, abort };
    const left: Promise<void>[] = [];
    const attempt = this.app!.get(TaskAttempts).run(task, abort, {
      limits: (change) => say({ kind: 'limits', change }),
      leavesBehind: (gone) => void left.push(gone),
    });
    const answer = await attempt.then(
      (outcome) => ({ kind: 'done' as const, outcome }),
      (error: unknown) => ({ kind: 'error' as const, message: messageOf(error) }),
    );
    this.running = undefined;
    say({ ...answer, rss: process.memoryUsage.rss(), leftBehind: left.length > 0 });
    if (left.length === 0) return;
    await Promise.allSettled(left);
    say({ kind: 'cleared' });
  }
}

function say(message: ChildMessage, then: () => void = () => {}): void {
  process.send!(message, undefined, undefined, then);
}
