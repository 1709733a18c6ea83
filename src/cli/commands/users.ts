import type { Command } from 'commander';
import type { ListedUser } from '../../features/users/users.js';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom, type Darkroom } from '../connection.js';
import { CliError, usageError } from '../exit.js';
import { moment, table } from '../output.js';
import { integerValue } from '../values.js';

/** Users, for admins without a frontend. */
export function usersCommands(program: Command): void {
  const users = group(program, 'users', 'List users and change their plans.');
  command(users, 'list', {
    description: 'List the users, the newest first.',
    examples: [
      ['users list', ''],
      ['users list --most 1000', 'more than 50'],
    ],
  })
    .option('--most <n>', 'how many', integerValue(1, 100_000), 50)
    .action(answers(listUsers));
  command(users, 'plan <user> <plan>', {
    description: 'Give a user another plan. It holds from the next request.',
    examples: [['users plan alice unlimited', '']],
    notes: 'The plans are in PLANS; "standard" and "unlimited" always exist.',
  }).action(answers(changePlan));
}

/** By name or id. @throws CliError */
export async function userNamed(darkroom: Darkroom, name: string): Promise<ListedUser> {
  const { Users } = await import('../../features/users/users.js');
  const user = await darkroom.get(Users).find(name);
  if (!user) throw new CliError(`There is no user "${name}": "darkroom users list" names them.`);
  return user;
}

async function listUsers({ most }: { most: number }): Promise<Answer> {
  const found = await withDarkroom(async (darkroom) => {
    const { Users } = await import('../../features/users/users.js');
    return darkroom.get(Users).list(most);
  });
  return {
    json: found,
    text: table(
      ['ID', 'USER', 'ROLE', 'PLAN', 'CREDITS', 'SINCE'],
      found.map((user) => [
        user.id,
        user.name,
        user.role,
        user.plan,
        user.balance ?? '-',
        moment(user.createdAt)?.slice(0, 10),
      ]),
    ),
  };
}

async function changePlan(name: string, plan: string): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { Users } = await import('../../features/users/users.js');
    const { InvalidFieldsError } = await import('../../common/app-error.js');
    const user = await userNamed(darkroom, name);
    try {
      await darkroom.get(Users).setPlan(user.id, plan);
    } catch (error) {
      if (!(error instanceof InvalidFieldsError)) throw error;
      throw usageError(`The plan "${plan}" ${error.details.errors![0]!.message}.`);
    }
    return {
      json: { user_id: user.id, user: user.name, plan, before: user.plan },
      text: `${user.name} has the plan ${plan} (before: ${user.plan}).`,
    };
  });
}
