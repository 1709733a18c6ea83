import type { Command } from 'commander';
import { command, say } from '../command.js';
import { withDarkroom, type Darkroom } from '../connection.js';

/** Celery's `shell`: a REPL with the application in scope. */
export function shellCommand(program: Command): void {
  command(program, 'shell', {
    description: 'Open a REPL with the application in scope; await works at the top level.',
    examples: [
      ['shell', 'at a terminal; .exit or Ctrl-D ends it'],
      [`shell --json <<< "await database.query('SELECT count(*) FROM tasks')"`, 'from a script'],
    ],
    notes:
      'In scope: tasks (TaskClient), results, database (TypeORM), queues, definitions (tasks by name),\nand get(Class) for the rest.',
    json: 'print each value as JSON',
  }).action(shell);
}

async function shell({ json }: { json?: boolean }): Promise<void> {
  await withDarkroom(async (darkroom) => {
    const scope = await scopeOf(darkroom);
    if (process.stdin.isTTY) say(`In scope: ${Object.keys(scope).join(', ')}. Ctrl-D ends.`);
    const { openRepl } = await import('../repl.js');
    await openRepl(scope, json ? (value) => JSON.stringify(value) : undefined);
  });
}

async function scopeOf({ get }: Darkroom): Promise<Record<string, unknown>> {
  await import('../../features.js');
  const { DataSource } = await import('typeorm');
  const { TaskClient } = await import('../../tasks/task-client.js');
  const { definedTasks } = await import('../../tasks/task-definition.js');
  const { TaskResults } = await import('../../tasks/task-results.js');
  const { QueueOverviews } = await import('../../tasks/control/queue-overview.js');
  return {
    tasks: get(TaskClient),
    results: get(TaskResults),
    database: get(DataSource),
    queues: get(QueueOverviews),
    definitions: Object.fromEntries(definedTasks().map((task) => [task.name, task])),
    get,
  };
}
