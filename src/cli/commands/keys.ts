import type { Command } from 'commander';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { CliError, exitCodes, usageError } from '../exit.js';
import { list, moment, table } from '../output.js';
import { isId } from '../values.js';

interface Options {
  admin?: boolean;
  user?: boolean;
  name?: string;
}

/** Keys of the API, and the way back from a lost admin key. */
export function keysCommands(program: Command): void {
  const keys = group(program, 'keys', 'Make, list and revoke API keys.');
  command(keys, 'create', {
    description: 'Make a new API key of an admin or an ordinary user, who is made too if need be.',
    examples: [
      ['keys create --admin', 'another key of the user "admin", after the first was lost'],
      ['keys create --user --name alice', 'a key of the user "alice"'],
    ],
    notes: 'The key is shown once and not stored. Earlier keys stay valid.',
  })
    .option('--admin', 'may do everything')
    .option('--user', 'may make pictures')
    .option('--name <name>', 'whose key it is (admin: "admin")')
    .action(answers(create));
  command(keys, 'list', {
    description: 'List the keys and their users. The keys themselves are not stored.',
    examples: [
      ['keys list', 'those that open the door'],
      ['keys list --all', 'revoked ones too'],
    ],
  })
    .option('--all', 'revoked ones too')
    .action(answers(listKeys));
  command(keys, 'revoke <key...>', {
    description: "End keys at once, and their users' browser sessions with them.",
    examples: [
      ['keys revoke dk_cb540a0d1f70b088', 'by what the key begins with'],
      ['keys revoke 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54', 'by its id'],
    ],
    notes:
      'Exit code 1 when there is no such key. Revoked by mistake? "darkroom keys create" makes a new one.',
  }).action(answers(revoke));
}

async function listKeys({ all }: { all?: boolean }): Promise<Answer> {
  const found = await withDarkroom(async (darkroom) => {
    const { AuthService } = await import('../../features/auth/auth.service.js');
    return darkroom.get(AuthService).apiKeys({ revoked: all === true });
  });
  return {
    json: found.map(({ createdAt, revokedAt, ...key }) => ({
      ...key,
      created_at: createdAt,
      revoked_at: revokedAt,
    })),
    text: table(
      ['KEY', 'USER', 'ROLE', 'MADE', ...(all ? ['REVOKED'] : [])],
      found.map((key) => [
        `dk_${key.prefix}_…`,
        key.name,
        key.role,
        moment(key.createdAt),
        ...(all ? [moment(key.revokedAt) ?? '-'] : []),
      ]),
      'There is no key: "darkroom keys create" makes one.',
    ),
  };
}

type Outcome = 'revoked' | 'revoked before' | 'no such key';

async function revoke(keys: string[]): Promise<Answer> {
  const outcomes = await withDarkroom(async (darkroom) => {
    const { AuthService } = await import('../../features/auth/auth.service.js');
    const auth = darkroom.get(AuthService);
    const found: { key: string; name: string | null; outcome: Outcome }[] = [];
    for (const key of new Set(keys.map(nameOfKey))) {
      const known = await auth.apiKeyOf(key);
      if (known?.revokedAt === null) await auth.revokeApiKey(known.id);
      const outcome =
        known === undefined ? 'no such key' : known.revokedAt ? 'revoked before' : 'revoked';
      found.push({ key, name: known?.name ?? null, outcome });
    }
    return found;
  });
  return {
    json: outcomes,
    text: table(
      ['KEY', 'USER', 'OUTCOME'],
      outcomes.map(({ key, name, outcome }) => [key, name ?? '-', outcome]),
    ),
    exitCode: outcomes.some(({ outcome }) => outcome === 'no such key')
      ? exitCodes.negative
      : exitCodes.ok,
  };
}

/** A whole key may be pasted too; nothing past its prefix is used or shown again. */
function nameOfKey(text: string): string {
  const [, prefix] = /^(?:dk_)?([0-9a-f]{16})(?:_.*)?$/.exec(text.trim()) ?? [];
  if (prefix !== undefined) return prefix;
  if (isId(text.trim())) return text.trim().toLowerCase();
  // It does not repeat what was typed, which may be most of a key.
  throw usageError('Name a key by its id, or by what it begins with: dk_ and sixteen characters.');
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
