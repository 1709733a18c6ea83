import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const ivBytes = 12;
const tagBytes = 16;

/**
 * Encrypts a secret for a row: AES-256-GCM, with a random IV in front and the tag behind it. `owner` is the id of the
 * row; a secret that is copied into another row cannot be read there.
 *
 * @param key 32 bytes
 */
export function sealed(key: Uint8Array, secret: string, owner: string): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(owner));
  const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]);
}

/** A secret was encrypted with another key: SECRET_KEY, or the file of that name, has changed. */
export class SecretUnreadable extends Error {
  override readonly name = 'SecretUnreadable';
}

/** @throws SecretUnreadable when it was sealed with another key or for another row */
export function unsealed(key: Uint8Array, box: Buffer, owner: string): string {
  const tag = box.subarray(ivBytes, ivBytes + tagBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, ivBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(owner)).setAuthTag(tag);
  const text = decipher.update(box.subarray(ivBytes + tagBytes));
  try {
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch (error) {
    throw new SecretUnreadable('A secret cannot be decrypted.', { cause: error });
  }
}
