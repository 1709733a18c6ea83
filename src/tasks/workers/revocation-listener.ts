import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { pause, sharedAbort } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';
import { TaskRevoked } from '../definitions/task-errors.js';
import { revokedTopic, type RevokedTask } from '../ending/task-revocations.js';
import { TaskRunner } from './task-runner.js';

/** Pause before the subscription is tried again. Milliseconds. */
const againMs = 2_000;

/** Stops running handlers as soon as their task is revoked. If a message is lost, the lease keeper notices. */
@Injectable()
export class RevocationListener implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('Revocations');
  private readonly stopping = sharedAbort();

  constructor(
    private readonly bus: MessageBus,
    private readonly runner: TaskRunner,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    // A child process is told by its parent.
    if (!this.settings.isChild) void this.listen();
  }

  onApplicationShutdown(): void {
    this.stopping.abort();
  }

  private async listen(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.bus.subscribe(revokedTopic, (tasks) => {
          for (const { taskId, request } of tasks as RevokedTask[]) {
            this.runner.stop(taskId, new TaskRevoked(request));
          }
        });
        return;
      } catch (error) {
        this.log.debug(messageOf(error));
        await pause(againMs, signal);
      }
    }
  }
}
