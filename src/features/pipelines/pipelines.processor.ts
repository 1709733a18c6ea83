import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query } from '../../infrastructure/database/transaction.js';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { PermanentTaskError } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { IncomingEvents } from './incoming-events.js';
import { NodeRows } from './node-rows.js';
import { NodeRunner, type AwaitedEnd } from './node-runner.js';
import { PipelineRegistry } from './pipeline-registry.js';
import { PipelineRun } from './pipeline-run.js';
import { processIncomingEventTask } from './pipelines.tasks.js';

@Injectable()
export class PipelinesProcessor {
  constructor(
    private readonly database: DataSource,
    private readonly events: IncomingEvents,
    private readonly rows: NodeRows,
    private readonly runner: NodeRunner,
  ) {}

  @HandlesTask(processIncomingEventTask)
  async process({ event_id }: Payload<typeof processIncomingEventTask>, task: TaskContext) {
    const event = await this.events.find(event_id);
    if (!event) throw new PermanentTaskError('unknown_event', 'There is no such event.');
    const pipeline = PipelineRegistry.getPipeline(event.type);
    if (!pipeline) {
      throw new PermanentTaskError(
        'no_pipeline',
        `No pipeline takes events of type ${event.type}.`,
      );
    }
    const states = await this.rows.of(task.taskId);
    if (states.size === 0) await this.events.beginRun(event_id, task.taskId, pipeline.name);
    const { rows, runner } = this;
    const ended = (ids: string[]) => this.ended(ids);
    const run = new PipelineRun(pipeline, event, states, task, { rows, runner, ended });
    await run.go();
    return {
      event_id,
      pipeline: pipeline.name,
      done: run.named('DONE'),
      skipped: run.named('SKIPPED'),
      failed: run.named('FAILED'),
    };
  }

  private async ended(ids: string[]): Promise<Map<string, AwaitedEnd>> {
    const found = await query<AwaitedEnd>(
      this.database,
      `SELECT id, coalesce(state, 'DELETED') AS state, result, error
         FROM unnest($1::uuid[]) AS awaited (id) LEFT JOIN tasks USING (id)
        WHERE state IS NULL OR finished_at IS NOT NULL`,
      [ids],
    );
    return new Map(found.map((one) => [one.id, one]));
  }
}
