import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';

/** One address, in lower case: `Ann@Example.com` is `ann@example.com`. No name, no list, no line break. */
export const emailAddress = z
  .string()
  .trim()
  .max(254)
  .refine(isStorable, 'contains a NUL or a broken character')
  .toLowerCase()
  .pipe(z.email('is not an e-mail address'));
