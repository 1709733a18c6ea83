import type { Command } from 'commander';
import type { Schema } from '../../infrastructure/database/migrate.js';
import { confirm } from '../ask.js';
import { answers, command, type Answer } from '../command.js';
import { cliSettings } from '../connection.js';
import { CliError, usageError } from '../exit.js';
import { counted, table } from '../output.js';
import { progressBar } from '../progress.js';

interface Options {
  status?: boolean;
  down?: boolean;
  yes?: boolean;
}

/** The schema of the database, and that of the queue where it has one. */
export function migrateCommand(program: Command): void {
  command(program, 'migrate', {
    description:
      'Bring the database and the queue up to date, show what they lack, or go back a step.',
    examples: [
      ['migrate', 'run what is missing'],
      ['migrate --status', 'what was run; exit code 1 when something is missing'],
      ['migrate --down --yes', 'take back the newest one'],
    ],
    notes:
      'Every service does the first by itself when it starts. --down deletes the data that the older\nschema cannot hold.',
  })
    .option('--status', 'only show')
    .option('--down', 'undo the newest migration')
    .option('--yes', 'do not ask')
    .action(answers(migrate));
}

async function migrate({ status, down, yes }: Options): Promise<Answer> {
  if (status && down) throw usageError('--status and --down exclude each other.');
  const { databaseUrl, queueUrl } = await cliSettings();
  const { checkDatabase } = await import('../stores.js');
  await checkDatabase(databaseUrl);
  const { migrations } = await import('../../migrations.js');
  const schema = { url: databaseUrl, migrations };
  if (status) return showStatus(schema);
  if (down) return takeBack(schema, yes);
  return bringUp(schema, queueUrl ?? databaseUrl);
}

async function bringUp(schema: Schema, queueUrl: string): Promise<Answer> {
  const { migrate, migrationStatus } = await import('../../infrastructure/database/migrate.js');
  const { openEngine } = await import('../stores.js');
  const open = (await migrationStatus(schema)).filter(({ ran }) => !ran);
  const bar = await progressBar('Migrating', open.length);
  let done = 0;
  const ran = await migrate(schema, () => bar.to(++done));
  bar.end();
  const engine = await openEngine(queueUrl);
  const queue = { engine: engine.name, address: engine.address };
  await engine.close();
  return {
    json: { migrations: ran, queue },
    text: [
      ...ran.map((name) => `Ran ${name}`),
      ran.length === 0 ? 'The database is up to date.' : `${counted(ran.length, 'migration')} run.`,
      `The queue is ready: ${queue.address}`,
    ].join('\n'),
  };
}

async function showStatus(schema: Schema): Promise<Answer> {
  const { migrationStatus } = await import('../../infrastructure/database/migrate.js');
  const known = await migrationStatus(schema);
  const missing = known.filter(({ ran }) => !ran).length;
  const rows = known.map(({ name, ran }) => [name, ran ? 'run' : 'missing']);
  return {
    json: { missing, migrations: known },
    text: table(['MIGRATION', 'STATE'], rows),
    exitCode: missing > 0 ? 1 : 0,
  };
}

async function takeBack(schema: Schema, yes: boolean | undefined): Promise<Answer> {
  const { migrationStatus, undoMigration } =
    await import('../../infrastructure/database/migrate.js');
  const newest = (await migrationStatus(schema)).findLast(({ ran }) => ran);
  if (newest === undefined) throw new CliError('No migration was run: there is nothing to undo.');
  await confirm(`Take back ${newest.name}, with the data only it can hold?`, yes);
  const undone = await undoMigration(schema);
  return { json: { undone }, text: `Took back ${undone}` };
}
