import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuthService } from './auth.service.js';
import type { RequestUser } from './request-user.js';
import { UserEntity } from './user.entity.js';

const adminName = 'admin';

/** The key that `npm start` shows, so that the first request needs no other set-up. */
@Injectable()
export class AdminKey {
  constructor(
    private readonly auth: AuthService,
    private readonly database: DataSource,
  ) {}

  /**
   * The admin key in `keyFile`, made anew when the file is missing or its key opens nothing here.
   *
   * @throws when a user called `admin` exists and is none
   */
  async ensure(keyFile: string): Promise<{ key: string; created: boolean }> {
    const kept = await readKey(keyFile);
    if (kept !== undefined && (await this.auth.findByKey(kept))?.role === 'admin') {
      await chmod(keyFile, 0o600);
      return { key: kept, created: false };
    }
    const admin = await this.ensureAdmin();
    const { key } = await this.auth.createApiKey(admin.id);
    await writeKey(keyFile, key);
    return { key, created: true };
  }

  /**
   * For a server that others administer too: makes a key only while no admin has one.
   *
   * @returns whether it made one
   */
  async ensureFirst(keyFile: string): Promise<boolean> {
    const [found] = await this.database.query(
      `SELECT FROM api_keys k JOIN users u ON u.id = k.user_id
        WHERE u.role = 'admin' AND k.revoked_at IS NULL LIMIT 1`,
    );
    if (found !== undefined) return false;
    return (await this.ensure(keyFile)).created;
  }

  private async ensureAdmin(): Promise<RequestUser> {
    const found = await this.database.manager.findOneBy(UserEntity, { name: adminName });
    if (found === null) return this.auth.createUser(adminName, 'admin');
    if (found.role === 'admin') return found;
    // Raising its rights would hand the server to whoever took the name.
    throw new Error(`The user "${adminName}" is no admin. Rename it, then start again.`);
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

/** Through a new file, so that an old file's mode or a half-written key cannot stay. */
async function writeKey(file: string, key: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const fresh = `${file}.${process.pid}.new`;
  await writeFile(fresh, `${key}\n`, { mode: 0o600 });
  await rename(fresh, file);
}
