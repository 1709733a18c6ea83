import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';
import { TaskRevoked } from '../task-errors.js';
import { revokedTopic, type RevokedTask } from '../task-revocations.js';
import { TaskRunner } from '../task-runner.js';

/** Again after so long, when the store is away. Milliseconds. */
const againMs = 2_000;

/** Tells running handlers at once that their task was revoked; the lease keeper finds what is lost. */
@Injectable()
export class RevocationListener implements OnApplicationBootstrap {
  private readonly log = new Logger('Revocations');

  constructor(
    private readonly bus: MessageBus,
    private readonly runner: TaskRunner,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    // A child hears of it from its parent.
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
