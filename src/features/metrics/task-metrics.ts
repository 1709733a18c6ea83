import { Injectable, type OnModuleInit } from '@nestjs/common';
import { definedTasks, definitionOf } from '../../tasks/definitions/task-definition.js';
import type { LiveEvent, TaskEvent } from '../../tasks/events/live-event.js';
import { LiveEvents } from '../../tasks/events/live-events.js';
import type { FinalState } from '../../tasks/definitions/task-state.js';
import { Metrics } from './metrics.js';

/** Upper ends of the classes, in seconds: from a task that only writes a row to a picture that takes an hour. */
const buckets = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];

const finalStates: FinalState[] = ['SUCCESS', 'FAILURE', 'REVOKED'];

/** Counts what this process does with tasks: sends, attempts and ends. */
@Injectable()
export class TaskMetrics implements OnModuleInit {
  private readonly sent;
  private readonly started;
  private readonly ended;
  private readonly retried;
  private readonly crashed;
  private readonly waitSeconds;
  private readonly runSeconds;

  constructor(
    private readonly metrics: Metrics,
    private readonly live: LiveEvents,
  ) {
    this.sent = metrics.counter({
      name: 'darkroom_tasks_sent_total',
      help: 'Tasks that this process has stored.',
      labelNames: ['name', 'queue'],
    });
    this.started = metrics.counter({
      name: 'darkroom_tasks_started_total',
      help: 'Attempts that this process has begun.',
      labelNames: ['name', 'queue'],
    });
    this.ended = metrics.counter({
      name: 'darkroom_tasks_ended_total',
      help: 'Tasks that this process has ended, by state: SUCCESS, FAILURE or REVOKED.',
      labelNames: ['name', 'queue', 'state'],
    });
    this.retried = metrics.counter({
      name: 'darkroom_task_retries_total',
      help: 'Attempts that failed here and will be made again.',
      labelNames: ['name', 'queue'],
    });
    this.crashed = metrics.counter({
      name: 'darkroom_task_crashes_total',
      help: 'Attempts whose process died, counted by the process that found the task.',
      labelNames: ['name', 'queue'],
    });
    this.waitSeconds = metrics.histogram({
      name: 'darkroom_task_wait_seconds',
      help: 'From the time at which a task was due to its start here.',
      labelNames: ['queue'],
      buckets,
    });
    this.runSeconds = metrics.histogram({
      name: 'darkroom_task_run_seconds',
      help: 'Length of attempts.',
      labelNames: ['queue'],
      buckets,
    });
  }

  onModuleInit(): void {
    if (!this.metrics.isOn) return;
    this.beginAtZero();
    this.live.onEmit((event) => this.heard(event));
  }

  /** Prometheus does not see the first increment of a series that was not there before: rare events would be missed. */
  private beginAtZero(): void {
    for (const { name, queue } of definedTasks()) {
      this.retried.inc({ name, queue }, 0);
      this.crashed.inc({ name, queue }, 0);
      for (const state of finalStates) this.ended.inc({ name, queue, state }, 0);
    }
  }

  private heard(event: LiveEvent): void {
    if (!('taskId' in event) || event.type === 'task-progress') return;
    const { queue } = event;
    const labels = { name: nameOf(event), queue };
    switch (event.type) {
      case 'task-sent':
        return this.sent.inc(labels);
      case 'task-started':
        this.started.inc(labels);
        if (event.waitedMs === null) this.crashed.inc(labels);
        else this.waitSeconds.observe({ queue }, Math.max(0, event.waitedMs / 1_000));
        return;
      case 'task-retried':
        this.retried.inc(labels);
        break;
      case 'task-succeeded':
        this.ended.inc({ ...labels, state: 'SUCCESS' });
        break;
      case 'task-failed':
        this.ended.inc({ ...labels, state: 'FAILURE' });
        if (event.code === 'poison_task') this.crashed.inc(labels);
        break;
      case 'task-revoked':
        this.ended.inc({ ...labels, state: 'REVOKED' });
        break;
    }
    if (event.runtimeMs !== null) this.runSeconds.observe({ queue }, event.runtimeMs / 1_000);
  }
}

/** A row may name a task of another release; the names of rows must not become endless series. */
function nameOf({ name }: TaskEvent): string {
  return definitionOf(name) === undefined ? 'other' : name;
}
