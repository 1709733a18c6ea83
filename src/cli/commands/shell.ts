import type { Command } from 'commander';
import { isError } from '../../common/is-error.js';
import { command, say } from '../command.js';
import { withDarkroom, type Darkroom } from '../connection.js';
import { allDefinitions } from '../definitions.js';

/** Celery's `shell`: a REPL with the application in scope. */
export function shellCommand(program: Command): void {
  command(program, 'shell', {
    description: 'Open a REPL with the application in scope; await works at the top level.',
    examples: [
      ['shell', 'at a terminal; .exit or Ctrl-D ends it'],
      [
        `shell <<< "await tasks.send(database.manager, add_numbers, { x: 2, y: 3 })"`,
        'a canvas: tasks.sendCanvas(database.manager, chain(…))',
      ],
      [`shell --json <<< "await database.query('SELECT count(*) FROM tasks')"`, 'from a script'],
    ],
    notes:
      'In scope: tasks (TaskClient), schedules, control (WorkerControl), events (LiveEvents), database\n(TypeORM), every task by its name (all: definitions), s, si, chain, group, chord, map, starmap and\nchunks, and get(Class) for the rest.',
    json: 'print each value as JSON',
  }).action(shell);
}

async function shell({ json }: { json?: boolean }): Promise<void> {
  await withDarkroom(async (darkroom) => {
    const scope = await scopeOf(darkroom);
    if (process.stdin.isTTY) say(`In scope: ${Object.keys(scope).join(', ')}. Ctrl-D ends.`);
    const { openRepl } = await import('../repl.js');
    await openRepl(scope, json ? jsonOf : undefined);
  });
}

/** An error has no keys of its own, so JSON would show nothing of it. */
function jsonOf(value: unknown): string {
  return JSON.stringify(isError(value) ? String(value) : value);
}

async function scopeOf({ get }: Darkroom): Promise<Record<string, unknown>> {
  const definitions = await allDefinitions();
  const { DataSource } = await import('typeorm');
  const { WorkerControl } = await import('../../tasks/control/worker-control.js');
  const { LiveEvents } = await import('../../tasks/events/live-events.js');
  const { Schedules } = await import('../../tasks/schedules/schedules.js');
  const { TaskClient } = await import('../../tasks/sending/task-client.js');
  const signatures = await import('../../tasks/canvas/signatures.js');
  const byName = Object.fromEntries(definitions.map((task) => [task.name, task]));
  return {
    ...byName,
    tasks: get(TaskClient),
    schedules: get(Schedules),
    control: get(WorkerControl),
    events: get(LiveEvents),
    database: get(DataSource),
    definitions: byName,
    ...signatures,
    get,
  };
}
