import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import type { LiveEvent, TaskProgressed, TaskStarted } from '../../tasks/events/live-event.js';
import { LiveEvents } from '../../tasks/events/live-events.js';
import { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { generationStatusOf } from '../image-generation/generation-status.js';
import {
  generateImageTask,
  type GenerationPayload,
} from '../image-generation/image-generation.tasks.js';
import { WebhookEvents } from '../webhooks/webhook-events.js';

/** Generations that are remembered: far more than a worker runs at once. */
const maxRunning = 1_000;

/** A running generation of this worker: who is told of it. */
interface Running {
  userId: string;
  url: string | undefined;
  status: ReturnType<typeof generationStatusOf>;
}

/**
 * Tells webhooks that a generation of this worker has started, and how it goes on. Of its end they are told by
 * `GenerationEffects`, which is exact; this is not.
 */
@Injectable()
export class GenerationNews implements OnModuleInit {
  private readonly log = new Logger('Webhooks');
  private readonly running = new Map<string, Promise<Running | undefined>>();

  constructor(
    private readonly live: LiveEvents,
    private readonly database: DataSource,
    private readonly webhooks: WebhookEvents,
  ) {}

  onModuleInit(): void {
    this.live.onEmit((event) => this.heard(event));
  }

  private heard(event: LiveEvent): void {
    if (!('name' in event) || event.name !== generateImageTask.name) return;
    if (event.type === 'task-started') void this.started(event);
    else if (event.type === 'task-progress') void this.progressed(event);
    else if (event.type !== 'task-sent') this.running.delete(event.taskId);
  }

  private async started({ taskId, attempt }: TaskStarted): Promise<void> {
    const found = this.find(taskId);
    this.running.set(taskId, found);
    // Of an attempt whose worker has lost the task, no end is told.
    if (this.running.size > maxRunning) this.running.delete(this.running.keys().next().value!);
    const running = await found;
    if (!running) return;
    const { userId, url, status } = running;
    const key = `${taskId}:task.started:${attempt}`;
    this.webhooks.announceSoon({ type: 'task.started', userId, url, key, data: status });
  }

  private async progressed({ taskId, progress }: TaskProgressed): Promise<void> {
    const running = await this.running.get(taskId);
    if (!running) return;
    const { userId, url, status } = running;
    const data = { ...status, progress: { ...status.progress, ...progress } };
    this.webhooks.announceSoon({ type: 'task.progress', userId, url, key: taskId, data });
  }

  private async find(id: string): Promise<Running | undefined> {
    try {
      const task = await this.database.manager.findOneBy(TaskEntity, { id });
      if (!task?.ownerId) return undefined;
      const { webhook_url: url } = task.payload as GenerationPayload;
      return { userId: task.ownerId, url, status: generationStatusOf(task) };
    } catch (error) {
      this.log.debug(`Nobody is told of a generation that has started: ${messageOf(error)}`);
      return undefined;
    }
  }
}
