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
    const { start } = await import('node:repl');
    const { inspect } = await import('node:util');
    const scope = await scopeOf(darkroom);
    const interactive = process.stdin.isTTY;
    if (interactive) say(`In scope: ${Object.keys(scope).join(', ')}. Ctrl-D ends.`);
    const repl = start({
      prompt: interactive ? 'darkroom> ' : '',
      terminal: interactive,
      useGlobal: true,
      ignoreUndefined: true,
      writer: (value) =>
        json ? JSON.stringify(value) : inspect(value, { colors: interactive, depth: 4 }),
    });
    Object.assign(repl.context, scope);
    await new Promise((resolve) => repl.once('exit', resolve));
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
