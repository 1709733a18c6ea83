import { InvalidArgumentError, type Command } from 'commander';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { CliError, exitCodes } from '../exit.js';
import { list, moment, table } from '../output.js';
import { idValue, integerValue } from '../values.js';
import { calledIn, userNamed } from './users.js';

/** What users have, and the proof that it is right. */
export function creditsCommands(program: Command): void {
  const credits = group(program, 'credits', 'Look at credits, grant and refund them.');
  command(credits, 'show <user>', {
    description: 'Show the balance of a user, and where it came from.',
    examples: [
      ['credits show alice', 'the last 20 entries'],
      ['credits show alice --entries 200', 'more of them'],
    ],
  })
    .option('--entries <n>', 'how many entries, the newest first', integerValue(1, 10_000), 20)
    .action(answers(show));
  command(credits, 'grant', {
    description: 'Grant credits to a user.',
    examples: [
      ['credits grant alice 100 --note "thank you"', ''],
      ['credits grant alice 100 --reference invoice-17', 'once, however often it is run'],
      ['credits grant alice -- -20', 'takes 20 back'],
    ],
    notes: `Exit code 1 when a grant with this reference had been made before, or when more is to be
taken back than there is.`,
  })
    .argument('<user>', 'name or id')
    .argument('<amount>', 'credits', amountValue)
    .option('--note <text>', 'for the user to read')
    .option('--reference <text>', 'a user gets only one grant of a reference')
    .action(answers(grant));
  command(credits, 'refund', {
    description: 'Give back what a task was charged. Refunding it again changes nothing.',
    examples: [['credits refund 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54', '']],
  })
    .argument('<task>', 'id of the task', idValue)
    .option('--note <text>', 'for the user to read')
    .action(answers(refund));
  command(credits, 'check', {
    description: 'Prove that the ledger is right, or name each row that is not.',
    examples: [['credits check', 'exit code 1 when a row is wrong']],
    notes: `I4: of a task that is over, SUCCESS was charged once and anything else was not.
I5: the balance of a user is what the entries add up to.`,
  }).action(answers(check));
}

async function show(name: string, { entries: most }: { entries: number }): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { CreditStatements } = await import('../../features/credits/credit-statements.js');
    const user = await userNamed(darkroom, name);
    const statements = darkroom.get(CreditStatements);
    const { balance, held, openTasks } = await statements.account(user.id);
    const entries = await statements.entries(user.id, most);
    return {
      json: {
        user: user.name,
        user_id: user.id,
        plan: user.plan,
        balance,
        held,
        openTasks,
        entries,
      },
      text: [
        list([
          ['User', `${calledIn(user)} (${user.id})`],
          ['Plan', user.plan],
          ['Balance', balance],
          ['Held', `${held} for ${openTasks} open tasks`],
        ]),
        '',
        table(
          ['AT', 'KIND', 'AMOUNT', 'TASK', 'NOTE'],
          entries.map((e) => [moment(e.at), e.kind, e.amount, e.taskId ?? '-', e.note ?? '-']),
        ),
      ].join('\n'),
    };
  });
}

function amountValue(text: string): number {
  if (!/^-?\d{1,9}$/.test(text) || Number(text) === 0) {
    throw new InvalidArgumentError('Write a whole number of credits, at most 999999999.');
  }
  return Number(text);
}

interface GrantOptions {
  note?: string;
  reference?: string;
}

async function grant(name: string, amount: number, options: GrantOptions): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { CreditGrants } = await import('../../features/credits/credit-grants.js');
    const { CreditStatements } = await import('../../features/credits/credit-statements.js');
    const { OverdrawnError } = await import('../../features/credits/credits.errors.js');
    const user = await userNamed(darkroom, name);
    try {
      const granted = await darkroom.get(CreditGrants).grant(user.id, { amount, ...options });
      const { balance } = await darkroom.get(CreditStatements).account(user.id);
      return {
        json: { granted, user: user.name, user_id: user.id, balance },
        text: `${granted ? '' : 'This was granted before. '}${calledIn(user)} has ${balance} credits.`,
        exitCode: granted ? exitCodes.ok : exitCodes.negative,
      };
    } catch (error) {
      throw error instanceof OverdrawnError ? new CliError(error.message) : error;
    }
  });
}

async function refund(id: string, { note }: { note?: string }): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { CreditGrants } = await import('../../features/credits/credit-grants.js');
    const { NotChargedError } = await import('../../features/credits/credits.errors.js');
    try {
      const { userId, amount } = await darkroom.get(CreditGrants).refund(id, note);
      return {
        json: { user_id: userId, refunded: amount },
        text: `User ${userId} has ${amount} credits back for this task.`,
      };
    } catch (error) {
      throw error instanceof NotChargedError ? new CliError(error.message) : error;
    }
  });
}

async function check(): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { CreditCheck } = await import('../../features/credits/credit-check.js');
    const broken = await darkroom.get(CreditCheck).broken();
    return {
      json: broken,
      text: table(
        ['RULE', 'TASK', 'USER', 'WHAT IS WRONG'],
        broken.map((row) => [row.invariant, row.taskId ?? '-', row.userId ?? '-', row.problem]),
        'The ledger is right.',
      ),
      exitCode: broken.length > 0 ? exitCodes.negative : exitCodes.ok,
    };
  });
}
