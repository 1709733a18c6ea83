import { access, constants, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

const inMemory = '/dev/shm';
/** Bytes, twenty times what was seen in use during a run. Containers often have 64 MB. */
const enough = 2 ** 31;

/** A folder for files of tests: in memory where there is room, else the usual one. */
export async function temporaryFolder(): Promise<string> {
  try {
    await access(inMemory, constants.W_OK);
    const { bavail, bsize } = await statfs(inMemory);
    return bavail * bsize >= enough ? inMemory : tmpdir();
  } catch {
    return tmpdir();
  }
}
