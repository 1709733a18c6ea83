import { Injectable, Logger } from '@nestjs/common';
import { waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { LiveEvents } from '../events/live-events.js';
import { CommandListener } from './command-listener.js';
import { TaskLimits } from './task-limits.js';
import { WorkerPresence } from './worker-presence.js';

/** Longest wait for each step; a worker starts and ends without stores too. Milliseconds. */
const patienceMs = 2_000;

/** A worker's ties to the others: it can be asked, is seen, and knows what was changed before. */
@Injectable()
export class RemoteControl {
  private readonly log = new Logger('Control');

  constructor(
    private readonly limits: TaskLimits,
    private readonly live: LiveEvents,
    private readonly listener: CommandListener,
    private readonly presence: WorkerPresence,
  ) {}

  /** Before the first task: limits that were set, and an ear for questions. */
  async prepare(): Promise<void> {
    await Promise.all([
      this.soon(this.limits.load()),
      this.soon(this.live.start()),
      this.soon(this.listener.start()),
    ]);
  }

  /** With the queues served: now others may ask. */
  announce(): void {
    void this.presence.start();
  }

  async leave(): Promise<void> {
    await this.soon(this.presence.stop());
    await this.soon(this.listener.stop());
  }

  private async soon(work: Promise<void>): Promise<void> {
    try {
      await waitAtMost(patienceMs, work);
    } catch (error) {
      this.log.debug(messageOf(error));
    }
  }
}
