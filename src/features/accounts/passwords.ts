import { hash, verify } from '@node-rs/argon2';
import { UnavailableError } from '../../common/app-error.js';

/** Hashes at a time: each needs 19 MB and a processor for some 20 ms. */
const atOnce = 2;
/** More wait for longer than a client does. */
const mostWaiting = 64;

let running = 0;
const waiting: (() => void)[] = [];

/** argon2id, with the parameters that OWASP recommends (19 MiB, 2 passes). @throws UnavailableError when too many wait */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(password));
}

/** Takes as long for a user without a password. @throws UnavailableError when too many wait */
export async function passwordMatches(
  password: string,
  kept: string | null | undefined,
): Promise<boolean> {
  return inTurn(async () => {
    const same = await verify(kept ?? (await nobodys), password);
    return same && typeof kept === 'string';
  });
}

/** Of a password that nobody has. */
const nobodys = hash(crypto.randomUUID());

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= atOnce) {
    if (waiting.length >= mostWaiting) {
      throw new UnavailableError('Too many passwords are being checked just now.');
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else {
    running += 1;
  }
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}
