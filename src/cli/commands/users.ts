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
  command(users, 'role <user> <role>', {
    description: 'Make a user an admin, or an ordinary user again.',
    examples: [
      ['users role ann@example.com admin', 'she can sign in to Bull Board with her password'],
    ],
    notes: 'It holds at once, for keys and logins that exist too. The plan stays as it is.',
  }).action(answers(changeRole));
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

async function changeRole(name: string, role: string): Promise<Answer> {
  if (role !== 'admin' && role !== 'user') {
    throw usageError(`The role "${role}" is none of: admin, user.`);
  }
  return withDarkroom(async (darkroom) => {
    const { UserRoles } = await import('../../features/accounts/user-roles.js');
    const user = await userNamed(darkroom, name);
    await unlessLastAdmin(() => darkroom.get(UserRoles).set(user.id, role));
    return {
      json: { user_id: user.id, user: user.name, role, before: user.role },
      text: `${calledIn(user)} has the role ${role} (before: ${user.role}).`,
    };
  });
}

async function deleteUser(name: string, { yes }: { yes?: boolean }): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { AccountDeletion } = await import('../../features/accounts/account-deletion.js');
    const user = await userNamed(darkroom, name);
    await confirm(`Delete ${calledIn(user)} and all that belongs to it?`, yes);
    const taskId = await unlessLastAdmin(() => darkroom.get(AccountDeletion).delete(user.id));
    return {
      json: { user_id: user.id, user: user.name, task_id: taskId },
      text: `${calledIn(user)} is closed. Task ${taskId} deletes the rest.`,
    };
  });
}

async function unlessLastAdmin<T>(work: () => Promise<T>): Promise<T> {
  const { LastAdminError } = await import('../../features/accounts/accounts.errors.js');
  try {
    return await work();
  } catch (error) {
    throw error instanceof LastAdminError ? new CliError(error.message) : error;
  }
}
