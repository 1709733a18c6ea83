import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What this account may do on this machine: some tests need more than others have. */
export const isRoot = process.geteuid?.() === 0;

/** Another account may be kept out of this checkout, and then cannot run it. */
export function othersCanRun(): boolean {
  if (!isRoot) return false;
  const program = fileURLToPath(new URL('../../src/sketch/main.js', import.meta.url));
  const as = { uid: 65534, gid: 65534, cwd: '/' };
  return spawnSync(process.execPath, [program, '--help'], as).status === 0;
}

/** A container may be kept from mounting, root or not. */
export function canMount(): boolean {
  if (!isRoot) return false;
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(folder);
  }
}
