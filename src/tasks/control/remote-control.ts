import { Injectable, Logger } from '@nestjs/common';
import { waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { LiveEvents } from '../events/live-events.js';
import { TaskLimits } from '../limits/task-limits.js';
import { CommandListener } from './command-listener.js';
import { WorkerPresence } from './worker-presence.js';

/** Longest wait for each step: a worker also starts and ends while its stores are away. Milliseconds. */
const patienceMs = 2_000;

/** Connects a worker to the rest of the installation: others can see it, command it and change its limits. */
@Injectable()
export class RemoteControl {
  private readonly log = new Logger('Control');

  constructor(
    private readonly limits: TaskLimits,
    private readonly live: LiveEvents,
    private readonly listener: CommandListener,
    private readonly presence: WorkerPresence,
  ) {}

  /** Before the first task: loads the limits that were set at run time, and starts to listen for commands. */
  async prepare(): Promise<void> {
    await Promise.all([
      this.soon(this.limits.load()),
      this.soon(this.live.start()),
      this.soon(this.listener.start()),
    ]);
  }

  /** Once the queues are served: makes the worker visible to others. */
  announce(): void {
    void this.presence.start();
  }

  /** Takes the worker off the list, then stops listening. */
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
