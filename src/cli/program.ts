import { Command, CommanderError } from 'commander';
import { brokerCommands } from './commands/broker.js';
import { callCommand } from './commands/call.js';
import { controlCommands } from './commands/control.js';
import { creditsCommands } from './commands/credits.js';
import { eventsCommand } from './commands/events.js';
import { graphCommand } from './commands/graph.js';
import { inspectCommands } from './commands/inspect.js';
import { keysCommands } from './commands/keys.js';
import { logsCommands } from './commands/logs.js';
import { mailCommands } from './commands/mail.js';
import { migrateCommand } from './commands/migrate.js';
import { openCommand } from './commands/open.js';
import { pipelinesCommands } from './commands/pipelines.js';
import { purgeCommand } from './commands/purge.js';
import { queuesCommands } from './commands/queues.js';
import { resultCommand } from './commands/result.js';
import { schedulesCommands } from './commands/schedules.js';
import { searchCommands } from './commands/search.js';
import { shellCommand } from './commands/shell.js';
import { storageCommands } from './commands/storage.js';
import { upgradeCommands } from './commands/upgrade.js';
import { usersCommands } from './commands/users.js';
import { webhooksCommands } from './commands/webhooks.js';
import { workerCommand } from './commands/worker.js';
import { darkroomVersion } from '../common/version.js';
import { say } from './command.js';
import { exitCodes, exitCodesHelp } from './exit.js';
import { failureOf } from './failure.js';

/** Every command. Building it loads neither Nest nor TypeORM: the actions import what they need. */
export function createProgram(): Command {
  const program = new Command('darkroom')
    .description('Runs and looks after the background tasks of Darkroom.')
    .version(darkroomVersion)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      getOutHelpWidth: () => process.stdout.columns ?? 100,
      outputError: (text, write) => write(text.replace(/^error: /, 'darkroom: ')),
    })
    .showHelpAfterError('(add --help to see how it is used)')
    .addHelpText(
      'after',
      `${exitCodesHelp}

Every command knows --json and --help. The stores are found as the services find them: DATABASE_URL,
QUEUE_URL and the rest of .env; without DATABASE_URL, the npm start of this folder.

Examples:
  $ darkroom worker --queues high_priority --concurrency 2
  $ darkroom queues list
  $ darkroom result 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54 --wait 30s --json`,
    );
  for (const add of [
    workerCommand,
    schedulesCommands,
    openCommand,
    eventsCommand,
    inspectCommands,
    controlCommands,
    callCommand,
    resultCommand,
    graphCommand,
    purgeCommand,
    queuesCommands,
    brokerCommands,
    migrateCommand,
    usersCommands,
    keysCommands,
    creditsCommands,
    mailCommands,
    webhooksCommands,
    storageCommands,
    pipelinesCommands,
    searchCommands,
    logsCommands,
    upgradeCommands,
    shellCommand,
  ]) {
    add(program);
  }
  return program;
}

/** Runs one command line and ends the process with its exit code. */
export async function runCli(args: string[]): Promise<void> {
  // The reader of the pipe has closed it: `darkroom … | head`.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.negative);
    });
  }
  try {
    await createProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error);
  }
  // Connections that are slow to close would keep the process alive.
  process.exit();
}

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has said what is wrong, or printed the help.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  const { sentence, exitCode } = failureOf(error);
  say(`darkroom: ${sentence}`);
  return exitCode;
}
