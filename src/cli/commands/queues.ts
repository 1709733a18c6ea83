import type { Command } from 'commander';
import { answers, command, group, say, type Answer } from '../command.js';
import { cliSettings, withDarkroom } from '../connection.js';
import { CliError, usageError } from '../exit.js';
import { count, counted, duration, table } from '../output.js';
import { progressBar } from '../progress.js';

/** How full the queues are, and Celery's `migrate` between brokers. */
export function queuesCommands(program: Command): void {
  const queues = group(program, 'queues', 'Look at the queues, or move them to another store.');
  command(queues, 'list', {
    description: 'Show how many tasks wait, run and are due later, queue by queue.',
    examples: [
      ['queues list', 'the numbers of the database, which are the truth'],
      ['queues list --json', 'for a script'],
    ],
    notes: '"darkroom broker counts" shows what the queue engine holds.',
  }).action(answers(listQueues));
  command(queues, 'move', {
    description: 'Move the queues to another store, say from Postgres to Redis.',
    examples: [
      [
        'queues move --from postgres://darkroom@db/darkroom --to redis://cache:6379/0',
        'then start the services with QUEUE_URL=redis://cache:6379/0',
      ],
    ],
    notes:
      'Stop the services first; it refuses while a worker serves the source. The target gets a hint for\neach open task of the database (DATABASE_URL), then the source is emptied. A move that was cut off\nis run again.',
  })
    .option('--from <url>', 'store that has the queues now')
    .option('--to <url>', 'store that they move to')
    .action(answers(moveQueues));
}

async function listQueues(): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { QueueOverviews } = await import('../../tasks/operations/queue-overview.js');
    const queues = await darkroom.get(QueueOverviews).list();
    return {
      json: queues.map(({ oldestMs, ...queue }) => ({ ...queue, oldest_ms: oldestMs })),
      text: table(
        ['QUEUE', 'WAITING', 'OLDEST', 'DELAYED', 'RUNNING', 'BLOCKED'],
        queues.map(({ queue, waiting, oldestMs, delayed, running, blocked }) => [
          queue,
          waiting,
          oldestMs === null ? '-' : duration(Math.max(0, oldestMs)),
          delayed,
          running,
          blocked,
        ]),
      ),
    };
  });
}

async function moveQueues({ from, to }: { from?: string; to?: string }): Promise<Answer> {
  if (from === undefined || to === undefined)
    throw usageError('Name both stores: --from and --to.');
  for (const [option, url] of [
    ['--from', from],
    ['--to', to],
  ] as const)
    checkUrl(option, url);
  const { databaseUrl } = await cliSettings();
  const { checkDatabase, openEngine } = await import('../stores.js');
  await checkDatabase(databaseUrl);
  const { QueueMove, QueueMoveError } = await import('../../tasks/operations/queue-move.js');
  const { DataSource } = await import('typeorm');
  const { dataSourceOptions } = await import('../../infrastructure/database/data-source.js');
  const source = await openEngine(from);
  const target = await openEngine(to);
  const database = await new DataSource(
    dataSourceOptions({ url: databaseUrl, poolSize: 2 }),
  ).initialize();
  const queues = new QueueMove(database, source, target);
  try {
    const bar = await progressBar('Moving', await queues.count());
    const { filled, removed } = await queues.move((done) => bar.to(done)).finally(() => bar.end());
    say(`Start the services with QUEUE_URL=${target.name === 'redis' ? 'redis' : 'postgres'}://…`);
    const names = Object.keys(filled) as (keyof typeof filled)[];
    const total = names.reduce((sum, name) => sum + filled[name], 0);
    return {
      json: { from: source.address, to: target.address, filled, removed },
      text: `${table(
        ['QUEUE', 'HINTS IN THE TARGET', 'REMOVED FROM THE SOURCE'],
        names.map((name) => [name, count(filled[name]), count(removed[name])]),
      )}\nMoved ${counted(total, 'task')} to ${target.address}.`,
    };
  } catch (error) {
    if (error instanceof QueueMoveError) throw new CliError(error.message);
    throw error;
  } finally {
    await queues.close();
    await Promise.allSettled([source.close(), target.close(), database.destroy()]);
  }
}

function checkUrl(option: string, url: string): void {
  if (URL.canParse(url) && /^(rediss?|postgres(ql)?):\/\//.test(url)) return;
  throw usageError(`${option} is no URL of a store: write redis://… or postgres://…`);
}
