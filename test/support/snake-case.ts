import { theirs } from '../../src/cli/snake-case.js';

/** Paths of keys that are not snake_case. */
export function otherKeys(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => otherKeys(item, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = `${path}.${key}`;
    const wrong = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(key) ? [] : [here];
    return [...wrong, ...(theirs.has(key) ? [] : otherKeys(inner, here))];
  });
}
