import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Tracing, attemptSpan } from '../../infrastructure/tracing/tracing.js';
import type { LiveEvent, TaskStarted } from '../../tasks/events/live-event.js';
import { LiveEvents } from '../../tasks/events/live-events.js';

/** Attempts that are remembered: far more than a worker runs at once. */
const maxRunning = 1_000;

interface Running extends TaskStarted {
  /** Milliseconds since 1970. */
  startedAt: number;
}

/**
 * Two spans for each attempt of this worker: its wait in the queue, and its run. They belong to the trace of the
 * request that sent the task, below the request itself. An attempt whose worker loses the task has none.
 */
@Injectable()
export class TaskSpans implements OnModuleInit {
  private readonly running = new Map<string, Running>();

  constructor(
    private readonly tracing: Tracing,
    private readonly live: LiveEvents,
  ) {}

  onModuleInit(): void {
    if (this.tracing.isOn) this.live.onEmit((event) => this.heard(event));
  }

  private heard(event: LiveEvent): void {
    if (!('taskId' in event) || event.type === 'task-sent' || event.type === 'task-progress')
      return;
    if (event.type === 'task-started') {
      this.running.set(event.taskId, { ...event, startedAt: Date.now() });
      if (this.running.size > maxRunning) this.running.delete(this.running.keys().next().value!);
      return;
    }
    const started = this.running.get(event.taskId);
    this.running.delete(event.taskId);
    if (started?.attempt === event.attempt) this.ended(started, event);
  }

  private ended(started: Running, end: { type: string; code?: string }): void {
    const { taskId, name, queue, attempt, startedAt, waitedMs, correlationId } = started;
    const place = { trace: correlationId ?? taskId, parent: correlationId };
    const attributes = {
      'darkroom.task.id': taskId,
      'darkroom.task.name': name,
      'darkroom.task.attempt': attempt,
      'messaging.destination.name': queue,
    };
    if (waitedMs !== null) {
      this.tracing.record({
        ...place,
        name: `wait ${queue}`,
        kind: 'internal',
        startedAt: startedAt - Math.max(0, waitedMs),
        endedAt: startedAt,
        attributes,
      });
    }
    this.tracing.record({
      ...place,
      id: attemptSpan(started),
      name: `run ${name}`,
      kind: 'consumer',
      startedAt,
      endedAt: Date.now(),
      attributes: { ...attributes, 'darkroom.task.outcome': end.type.replace('task-', '') },
      failure: end.code,
    });
  }
}
