import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { SCOPES } from '../auth/scopes.js';
import type { ListedApiKey } from '../auth/api-keys.js';

const tenYearsS = 315_360_000;
const scope = z.enum(SCOPES);

export const newKeyRequest = z
  .strictObject({
    name: z
      .string()
      .trim()
      .min(1)
      .max(100)
      .refine(isStorable, 'contains a NUL or a broken character')
      .describe('What it is for.'),
    scopes: z
      .array(scope)
      .min(1)
      .max(SCOPES.length)
      .optional()
      .describe('What it may do, at most what the asking credential may. Default: the same.'),
    expires_in: z
      .int()
      .min(60)
      .max(tenYearsS)
      .optional()
      .describe('Seconds. Default: it does not expire.'),
  })
  .meta({ example: { name: 'a script', scopes: ['read', 'write'], expires_in: 2_592_000 } });
export type NewKeyRequest = z.output<typeof newKeyRequest>;

const keyFields = {
  id: z.uuid(),
  prefix: z.string().describe('What it begins with.'),
  name: z.string(),
  scopes: z.array(scope),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
  last_used_at: z.iso.datetime().nullable().describe('To the minute.'),
};

export const madeKey = z.strictObject({
  key: z.string().describe('The key itself. It is not stored: keep it now.'),
  ...keyFields,
});
export type MadeKey = z.output<typeof madeKey>;

const listedKey = z.strictObject(keyFields);
export const keyList = z.strictObject({ keys: z.array(listedKey).describe('The oldest first.') });
export type KeyList = z.output<typeof keyList>;

export function listedKeyOf(key: ListedApiKey): z.output<typeof listedKey> {
  return {
    id: key.id,
    prefix: `dk_${key.prefix}`,
    name: key.name,
    scopes: key.scopes,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}
