import { InvalidArgumentError, type Command } from 'commander';
import { SCOPES, type Scope } from '../../features/auth/scopes.js';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { CliError, exitCodes, usageError } from '../exit.js';
import { list, moment, table } from '../output.js';
import { durationValue, isId, namesValue } from '../values.js';

interface Options {
  admin?: boolean;
  user?: boolean;
  name?: string;
  for?: string;
  scopes?: Scope[];
  expiresIn?: number;
}

/** Keys of the API, and the way back from a lost admin key. */
export function keysCommands(program: Command): void {
  const keys = group(program, 'keys', 'Make, list and revoke API keys.');
  command(keys, 'create', {
    description: 'Make a new API key of an admin or an ordinary user, who is made too if need be.',
    examples: [
      ['keys create --admin', 'another key of the user "admin", after the first was lost'],
      ['keys create --user --name alice', 'a key of the user "alice"'],
      [
        'keys create --admin --for dashboard --scopes read,admin --expires-in 20d',
        'one that only looks',
      ],
    ],
    notes: 'The key is shown once and not stored. Earlier keys stay valid.',
  })
    .option('--admin', 'may do everything')
    .option('--user', 'may make pictures')
    .option('--name <name>', 'whose key it is (admin: "admin")')
    .option('--for <text>', 'what it is used for, to recognise it in the list')
    .option('--scopes <list>', `what it may do: ${SCOPES.join(',')} (default: all)`, scopesValue)
    .option('--expires-in <duration>', 'for example 12h or 20d (default: never)', durationValue)
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

/** @throws Error naming the known ones */
function scopesValue(text: string): Scope[] {
  const known: readonly string[] = SCOPES;
  const scopes = namesValue(text);
  if (scopes.length === 0 || scopes.some((scope) => !known.includes(scope))) {
    throw new InvalidArgumentError(`Name some of: ${SCOPES.join(', ')}.`);
  }
  return scopes as Scope[];
}

async function listKeys({ all }: { all?: boolean }): Promise<Answer> {
  const found = await withDarkroom(async (darkroom) => {
    const { ApiKeys } = await import('../../features/auth/api-keys.js');
    return darkroom.get(ApiKeys).list({ revoked: all === true });
  });
  return {
    json: found.map(({ userId, createdAt, expiresAt, lastUsedAt, revokedAt, ...key }) => ({
      ...key,
      user_id: userId,
      created_at: createdAt,
      expires_at: expiresAt,
      last_used_at: lastUsedAt,
      revoked_at: revokedAt,
    })),
    text: table(
      ['KEY', 'USER', 'ROLE', 'FOR', 'MAY', 'LAST USED', 'EXPIRES', ...(all ? ['REVOKED'] : [])],
      found.map((key) => [
        `dk_${key.prefix}`,
        key.user,
        key.role,
        key.name || '-',
        key.scopes.length === SCOPES.length ? 'all' : key.scopes.join(' '),
        minute(key.lastUsedAt),
        minute(key.expiresAt),
        ...(all ? [moment(key.revokedAt) ?? '-'] : []),
      ]),
      'There is no key: "darkroom keys create" makes one.',
    ),
  };
}

/** A whole line fits 100 characters, so that what a key begins with can be copied. */
function minute(at: Date | null): string {
  return moment(at)?.slice(0, 16) ?? 'never';
}

type Outcome = 'revoked' | 'revoked before' | 'no such key';

async function revoke(keys: string[]): Promise<Answer> {
  const outcomes = await withDarkroom(async (darkroom) => {
    const { ApiKeys } = await import('../../features/auth/api-keys.js');
    const known = darkroom.get(ApiKeys);
    const found: { key: string; user: string | null; outcome: Outcome }[] = [];
    for (const key of new Set(keys.map(nameOfKey))) {
      const one = await known.find(key);
      if (one?.revokedAt === null) await known.revoke(one.id);
      const outcome =
        one === undefined ? 'no such key' : one.revokedAt ? 'revoked before' : 'revoked';
      found.push({ key, user: one?.user ?? null, outcome });
    }
    return found;
  });
  return {
    json: outcomes,
    text: table(
      ['KEY', 'USER', 'OUTCOME'],
      outcomes.map(({ key, user, outcome }) => [key, user ?? '-', outcome]),
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

async function create({ admin, user, name, for: use, scopes, expiresIn }: Options) {
  if ((admin === true) === (user === true)) throw usageError('Say either --admin or --user.');
  const role = admin === true ? 'admin' : 'user';
  const wanted = name?.trim() ?? (admin === true ? 'admin' : undefined);
  if (!wanted) throw usageError('Say whose key it is: --name <name>.');
  return withDarkroom(async (darkroom) => {
    const { DataSource } = await import('typeorm');
    const { ApiKeys } = await import('../../features/auth/api-keys.js');
    const { AuthService } = await import('../../features/auth/auth.service.js');
    const { UserEntity } = await import('../../features/auth/user.entity.js');
    const auth = darkroom.get(AuthService);
    const users = darkroom.get(DataSource).getRepository(UserEntity);
    const owner =
      (await users.findOneBy({ name: wanted })) ?? (await auth.createUser(wanted, role));
    if (owner.role !== role) {
      throw new CliError(`The user "${wanted}" exists, as ${owner.role}: choose another --name.`);
    }
    const { id, key } = await darkroom.get(ApiKeys).create(owner.id, {
      ...(use !== undefined && { name: use.trim().slice(0, 100) }),
      ...(scopes !== undefined && { scopes }),
      ...(expiresIn !== undefined && { expiresInMs: expiresIn }),
    });
    return {
      json: { id, key, user_id: owner.id, user: owner.name, role },
      text: list([
        ['Key', key],
        ['User', `${owner.name} (${role})`],
      ]),
    };
  });
}
