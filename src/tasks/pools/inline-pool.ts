import { Logger } from '@nestjs/common';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import type { AttemptAbort } from '../running/attempt-abort.js';
import type { TaskAttempts } from '../running/task-attempts.js';
import { TaskPool, type PoolStart, type PoolStats } from './task-pool.js';
import type { ChildLimits } from './worn-out.js';

/** Runs tasks in the worker process itself. Cheap, but nothing can stop a task that blocks the event loop. */
export class InlinePool extends TaskPool {
  readonly apart = false;
  private size = 0;

  constructor(
    private readonly attempts: TaskAttempts,
    private readonly limits: ChildLimits,
  ) {
    super();
  }

  start({ size }: PoolStart): void {
    this.size = size;
    if (this.limits.maxTasks === undefined && this.limits.maxMemoryMb === undefined) return;
    new Logger('Pool').warn(
      'The limits of tasks and memory per child have no effect here: this worker runs its tasks inline. Set WORKER_POOL=processes, or start it with --pool processes.',
    );
  }

  run(task: ClaimedTask, abort: AttemptAbort) {
    return this.attempts.run(task, abort);
  }

  /** The next task runs in this process too, which knows what it has left behind. */
  async cleared(): Promise<void> {}

  resize(size: number): void {
    this.size = size;
  }

  stats(): PoolStats {
    return { kind: 'inline', size: this.size, children: [], restarts: 0 };
  }

  /** There are no children. */
  onNews(): void {}

  async close(): Promise<void> {}
}
