import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import { ApiKeys } from './api-keys.js';
import { AuthService } from './auth.service.js';
import type { User } from './request-user.js';
import { UserEntity } from './user.entity.js';

const adminName = 'admin';

/** The admin key that `npm start` shows: it makes the first request possible without further setup. */
@Injectable()
export class AdminKey {
  constructor(
    private readonly auth: AuthService,
    private readonly keys: ApiKeys,
    private readonly database: DataSource,
  ) {}

  /**
   * Returns the admin key in `keyFile`. Creates a new one when the file is missing or its key is not valid here.
   *
   * @throws when a user named `admin` exists without the admin role
   */
  async ensure(keyFile: string): Promise<{ key: string; created: boolean }> {
    const kept = await readKey(keyFile);
    if (kept !== undefined && (await this.keys.ownerOf(kept))?.role === 'admin') {
      await chmod(keyFile, 0o600);
      return { key: kept, created: false };
    }
    const admin = await this.ensureAdmin();
    const { key } = await this.keys.create(admin.id, { name: 'first key' });
    await writeKey(keyFile, key);
    return { key, created: true };
  }

  /**
   * For a server with other admins: creates a key only while no admin has one.
   *
   * @returns whether it created one
   */
  async ensureFirst(keyFile: string): Promise<boolean> {
    const found = await retried(() =>
      rows(
        this.database,
        `SELECT FROM api_keys k JOIN users u ON u.id = k.user_id
          WHERE u.role = 'admin' AND k.revoked_at IS NULL LIMIT 1`,
      ),
    );
    if (found.length > 0) return false;
    return (await this.ensure(keyFile)).created;
  }

  private async ensureAdmin(): Promise<User> {
    const found = await retried(() =>
      this.database.manager.findOneBy(UserEntity, { name: adminName }),
    );
    if (found === null) return this.auth.createUser(adminName, 'admin');
    if (found.role === 'admin') return found;
    // Giving this user the admin role would hand the server to whoever took the name.
    throw new Error(`The user "${adminName}" is not an admin. Rename that user, then start again.`);
  }
}

async function readKey(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a new file and renames it, so that neither an old file's mode nor a half-written key can remain. */
async function writeKey(file: string, key: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const fresh = `${file}.${process.pid}.new`;
  await writeFile(fresh, `${key}\n`, { mode: 0o600 });
  await rename(fresh, file);
}
