import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { definedTasks, type TaskDefinition } from './task-definition.js';
import { HANDLES_TASK, type TaskHandler } from './task-handler.decorator.js';

export interface RegisteredTask {
  definition: TaskDefinition;
  handler: TaskHandler;
}

/** A task has no handler, or two; the message says what to add or remove. */
export class TaskRegistryError extends Error {
  override readonly name = 'TaskRegistryError';
}

/** The tasks that this process can run. Handlers are found among the providers and checked at start. */
@Injectable()
export class TaskRegistry {
  private readonly tasks = new Map<string, RegisteredTask>();
  private collected = false;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  /**
   * Finds the handlers. Later calls do nothing.
   *
   * @param expected tasks that must have a handler
   * @throws TaskRegistryError when one of them has none, or a task has two
   */
  collect(expected: readonly TaskDefinition[] = definedTasks()): void {
    if (this.collected) return;
    this.collected = true;
    for (const { instance } of this.discovery.getProviders()) {
      if (typeof instance === 'object' && instance !== null) this.collectFrom(instance);
    }
    const missing = expected.filter((definition) => !this.tasks.has(definition.name));
    if (missing.length > 0) {
      throw new TaskRegistryError(
        missing
          .map(
            ({ name }) =>
              `Task "${name}" has no handler. Add a method with @HandlesTask(…) to a provider of its feature's worker module.`,
          )
          .join('\n'),
      );
    }
  }

  find(name: string): RegisteredTask | undefined {
    return this.tasks.get(name);
  }

  get definitions(): TaskDefinition[] {
    return [...this.tasks.values()].map((task) => task.definition);
  }

  names(): string[] {
    return [...this.tasks.keys()];
  }

  private collectFrom(provider: object): void {
    const prototype: unknown = Object.getPrototypeOf(provider);
    if (typeof prototype !== 'object' || prototype === null) return;
    for (const key of this.scanner.getAllMethodNames(prototype)) {
      const method: unknown = Reflect.get(prototype, key);
      if (typeof method !== 'function') continue;
      const definition = this.reflector.get<TaskDefinition | undefined>(
        HANDLES_TASK,
        method as () => void,
      );
      if (definition) this.register(definition, method.bind(provider) as TaskHandler);
    }
  }

  private register(definition: TaskDefinition, handler: TaskHandler): void {
    if (this.tasks.has(definition.name)) {
      throw new TaskRegistryError(
        `Task "${definition.name}" has two handlers. Remove one of the @HandlesTask methods.`,
      );
    }
    this.tasks.set(definition.name, { definition, handler });
  }
}
