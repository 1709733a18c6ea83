import type { Command } from 'commander';
import type { ListedUser } from '../../features/users/users.js';
import { confirm } from '../ask.js';
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
  command(users, 'delete <user>', {
    description: 'Close an account, and delete what it holds: tasks, pictures, keys.',
    examples: [['users delete alice --yes', 'without a question']],
    notes: 'It cannot be undone. Nobody can sign in any more at once; a task deletes the rest.',
  })
    .option('--yes', 'do not ask')
    .action(answers(deleteUser));
}

/** By name, address or id. @throws CliError */
export async function userNamed(darkroom: Darkroom, name: string): Promise<ListedUser> {
  const { Users } = await import('../../features/users/users.js');
  const user = await darkroom.get(Users).find(name);
  if (!user) throw new CliError(`There is no user "${name}": "darkroom users list" names them.`);
  return user;
}

/** The address if there is one: the name is made up then. */
export function calledIn({ email, name }: ListedUser): string {
  return email ?? name;
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
        calledIn(user),
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
      text: `${calledIn(user)} has the plan ${plan} (before: ${user.plan}).`,
    };
  });
}

async function deleteUser(name: string, { yes }: { yes?: boolean }): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { AccountDeletion } = await import('../../features/accounts/account-deletion.js');
    const { LastAdminError } = await import('../../features/accounts/accounts.errors.js');
    const user = await userNamed(darkroom, name);
    await confirm(`Delete ${calledIn(user)} and all that belongs to it?`, yes);
    try {
      const taskId = await darkroom.get(AccountDeletion).delete(user.id);
      return {
        json: { user_id: user.id, user: user.name, task_id: taskId },
        text: `${calledIn(user)} is closed. Task ${taskId} deletes the rest.`,
      };
    } catch (error) {
      throw error instanceof LastAdminError ? new CliError(error.message) : error;
    }
  });
}
