import { Injectable } from '@nestjs/common';
import type { TaskDefinition } from '../definitions/task-definition.js';
import { TaskRegistry } from '../definitions/task-registry.js';
import { TaskLimits } from '../limits/task-limits.js';
import type { EffectiveLimits, RegisteredTaskInfo } from './command-data.js';
import { CommandRefused } from './commands.js';

/** The tasks that this worker can run, with the limits that apply now. */
@Injectable()
export class RegisteredTasks {
  constructor(
    private readonly registry: TaskRegistry,
    private readonly limits: TaskLimits,
  ) {}

  all(): RegisteredTaskInfo[] {
    return this.registry
      .names()
      .toSorted()
      .map((name) => this.registry.find(name)!.definition)
      .map((definition) => ({
        ...this.limitsOf(definition),
        queue: definition.queue,
        priority: definition.priority,
        maxRetries: definition.retry.max,
        concurrencyLimit: definition.concurrencyLimit?.limit ?? null,
      }));
  }

  /**
   * Reads the limits that were set at run time.
   *
   * @returns the limits of `task` that apply now
   * @throws CommandRefused when this worker does not know the task
   */
  async reload(task: string): Promise<EffectiveLimits> {
    await this.limits.load();
    const registered = this.registry.find(task);
    if (registered) return this.limitsOf(registered.definition);
    throw new CommandRefused(
      `This worker has no task "${task}". The limit is kept for workers that have; list the tasks with inspect registered.`,
    );
  }

  private limitsOf(definition: TaskDefinition): EffectiveLimits {
    return {
      task: definition.name,
      ...this.limits.timeLimits(definition),
      rateLimit: this.limits.rateLimit(definition),
    };
  }
}
