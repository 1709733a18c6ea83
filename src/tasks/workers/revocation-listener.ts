import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
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
export class RevocationListener implements OnApplicationBootstrap {
  private readonly log = new Logger('Revocations');

  constructor(
    private readonly bus: MessageBus,
    private readonly runner: TaskRunner,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    // A child process is told by its parent.
    if (!this.settings.isChild) this.listen();
  }

  private listen(): void {
    this.bus
      .subscribe(revokedTopic, (tasks) => {
        for (const { taskId, request } of tasks as RevokedTask[]) {
          this.runner.stop(taskId, new TaskRevoked(request));
        }
      })
      .catch((error: unknown) => {
        this.log.debug(messageOf(error));
        setTimeout(() => this.listen(), againMs).unref();
      });
  }
}
