import type { Command } from 'commander';
import { answers, command, group } from '../command.js';
import { withDarkroom } from '../connection.js';
import { CliError, usageError } from '../exit.js';
import { list } from '../output.js';

interface Options {
  admin?: boolean;
  user?: boolean;
  name?: string;
}

/** The way back from a lost admin key. */
export function keysCommands(program: Command): void {
  const keys = group(program, 'keys', 'Make API keys.');
  command(keys, 'create', {
    description: 'Make a new API key of an admin or an ordinary user, who is made too if need be.',
    examples: [
      ['keys create --admin', 'another key of the user "admin", after the first was lost'],
      ['keys create --user --name alice', 'a key of the user "alice"'],
    ],
    notes: 'The key is shown once and kept nowhere. Keys made before go on working.',
  })
    .option('--admin', 'may do everything')
    .option('--user', 'may make pictures')
    .option('--name <name>', 'whose key it is (admin: "admin")')
    .action(answers(create));
}

async function create({ admin, user, name }: Options) {
  if ((admin === true) === (user === true)) throw usageError('Say either --admin or --user.');
  const role = admin === true ? 'admin' : 'user';
  const wanted = name?.trim() ?? (admin === true ? 'admin' : undefined);
  if (!wanted) throw usageError('Say whose key it is: --name <name>.');
  return withDarkroom(async (darkroom) => {
    const { DataSource } = await import('typeorm');
    const { AuthService } = await import('../../features/auth/auth.service.js');
    const { UserEntity } = await import('../../features/auth/user.entity.js');
    const auth = darkroom.get(AuthService);
    const users = darkroom.get(DataSource).getRepository(UserEntity);
    const owner =
      (await users.findOneBy({ name: wanted })) ?? (await auth.createUser(wanted, role));
    if (owner.role !== role) {
      throw new CliError(`The user "${wanted}" exists, as ${owner.role}: choose another --name.`);
    }
    const { id, key } = await auth.createApiKey(owner.id);
    return {
      json: { id, key, name: owner.name, role },
      text: list([
        ['Key', key],
        ['User', `${owner.name} (${role})`],
      ]),
    };
  });
}
