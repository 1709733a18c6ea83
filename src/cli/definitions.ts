import type { TaskDefinition } from '../tasks/definitions/task-definition.js';
import { usageError } from './exit.js';

/** Loads every feature, which defines their tasks. */
export async function allDefinitions(): Promise<TaskDefinition[]> {
  await import('../worker-features.js');
  const { definedTasks } = await import('../tasks/definitions/task-definition.js');
  return definedTasks();
}

/** @throws CliError naming the known ones */
export async function definitionOf(name: string): Promise<TaskDefinition> {
  const tasks = await allDefinitions();
  const found = tasks.find((task) => task.name === name);
  if (found) return found;
  const names = tasks.map((task) => task.name).toSorted();
  throw usageError(`There is no task "${name}". Tasks: ${names.join(', ')}.`);
}
