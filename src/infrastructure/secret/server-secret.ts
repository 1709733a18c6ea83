import { hkdfSync, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';

/** The secret of this installation: SECRET_KEY, or the file `secret.key`, which the first process makes. */
@Injectable()
export class ServerSecret {
  private secret: Promise<string> | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'secretKey' | 'dataDir'>,
  ) {}

  /** A key for one purpose, which says nothing about those for others. @returns 32 bytes */
  async keyFor(purpose: string): Promise<Uint8Array> {
    this.secret ??= this.read();
    // Another attempt may succeed: a full or read-only folder.
    this.secret.catch(() => (this.secret = undefined));
    return new Uint8Array(hkdfSync('sha256', await this.secret, 'darkroom', purpose, 32));
  }

  private async read(): Promise<string> {
    if (this.settings.secretKey !== undefined) return this.settings.secretKey;
    const file = join(this.settings.dataDir, 'secret.key');
    return (await readKept(file)) ?? (await makeOnce(this.settings.dataDir, file));
  }
}

async function readKept(file: string): Promise<string | undefined> {
  try {
    const kept = (await readFile(file, 'utf8')).trim();
    if (kept.length >= 32) return kept;
    throw new Error(`${file} does not hold a key. Delete it, and a new one is made.`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A link appears whole or not at all, and only one process can make it. */
async function makeOnce(folder: string, file: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const fresh = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(fresh, `${randomBytes(48).toString('base64url')}\n`, { mode: 0o600 });
  try {
    await link(fresh, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(fresh, { force: true });
  }
  return (await readKept(file))!;
}
