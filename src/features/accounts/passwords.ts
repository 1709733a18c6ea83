import { hash, verify } from '@node-rs/argon2';
import { Places } from '../../common/places.js';

const places = new Places({
  // Each needs 19 MB and a processor for some 20 ms.
  atOnce: 2,
  // More wait for longer than a client does.
  mostWaiting: 64,
  full: 'Too many passwords are being checked just now.',
});

/** argon2id, with the parameters that OWASP recommends (19 MiB, 2 passes). @throws UnavailableError when too many wait */
export function hashPassword(password: string): Promise<string> {
  return places.use(() => hash(password));
}

/** Takes as long for a user without a password. @throws UnavailableError when too many wait */
export async function passwordMatches(
  password: string,
  kept: string | null | undefined,
): Promise<boolean> {
  return places.use(async () => {
    const same = await verify(kept ?? (await nobodys), password);
    return same && typeof kept === 'string';
  });
}

/** Of a password that nobody has. */
const nobodys = hash(crypto.randomUUID());
