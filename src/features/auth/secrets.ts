import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** An API key as its owner sees it, once: `dk_<prefix>_<secret>`. */
export interface NewKey {
  key: string;
  prefix: string;
  digest: Buffer;
}

const keyShape = /^dk_([0-9a-f]{16})_[\w-]{43}$/;

/** 256 random bits after a prefix that identifies the row. */
export function newKey(): NewKey {
  const prefix = randomBytes(8).toString('hex');
  const key = `dk_${prefix}_${randomToken()}`;
  return { key, prefix, digest: digestOf(key) };
}

/** The part of a key that identifies its row; undefined when the text is not a key. */
export function prefixOf(key: string): string | undefined {
  return keyShape.exec(key)?.[1];
}

/** 256 random bits, 43 characters. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/** A plain digest is enough for 256 random bits; passwords would need a slow hash. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

const nobody = randomBytes(32);

/** Compares in constant time, even when there is nothing to compare with. */
export function matches(secret: string, digest: Buffer | undefined): boolean {
  return timingSafeEqual(digestOf(secret), digest ?? nobody) && digest !== undefined;
}
