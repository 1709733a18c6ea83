import { Injectable } from '@nestjs/common';
import type { RunOutcome } from './task-attempts.js';
import { WorkerStopping } from './task-errors.js';
import { TaskEvents } from './task-events.js';
import { TaskLedger, type ClaimedTask } from './task-ledger.js';
import { LeaseKeeper } from './workers/lease-keeper.js';
import { TaskPool } from './workers/task-pool.js';

/** A task that this process has claimed and not ended. */
export interface RunningTask {
  task: ClaimedTask;
  abort: AbortController;
  startedAt: Date;
}

/** The one way to run: claim, handler (wherever the pool runs it), one transaction that ends the attempt. */
@Injectable()
export class TaskRunner {
  private readonly running = new Map<string, RunningTask>();

  constructor(
    private readonly ledger: TaskLedger,
    private readonly pool: TaskPool,
    private readonly leases: LeaseKeeper,
    private readonly events: TaskEvents,
  ) {}

  /** Tasks running in this process, oldest first. */
  get active(): RunningTask[] {
    return [...this.running.values()];
  }

  /** Asks every running handler to stop; their tasks go back unharmed. */
  abortAll(): void {
    for (const { abort } of this.active) abort.abort(new WorkerStopping('the worker is stopping'));
  }

  /** @throws only when the ledger cannot be reached */
  async run(taskId: string, worker: string): Promise<RunOutcome> {
    const claim = await this.ledger.claim(taskId, worker);
    if (claim.kind === 'later') return claim;
    if (claim.kind === 'over') {
      if (claim.settled) this.events.finished(taskId, claim.settled);
      return { kind: 'over', state: claim.settled ?? null };
    }
    return this.attempt(claim.task);
  }

  private async attempt(task: ClaimedTask): Promise<RunOutcome> {
    const abort = new AbortController();
    const letGo = this.leases.keep(task, abort);
    const running = { task, abort, startedAt: new Date() };
    this.running.set(task.id, running);
    try {
      return await this.pool.run(task, abort);
    } finally {
      if (this.running.get(task.id) === running) this.running.delete(task.id);
      letGo();
    }
  }
}
