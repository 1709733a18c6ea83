import { isStorable } from '../common/storable-text.js';

/** Levels of objects and arrays in a payload or a result. Far more than anybody means to send. */
const maxDepth = 100;
/** More values than fit into the largest payload. */
const maxValues = 64 * 1024;

/**
 * Says why Postgres, JSON or a schema could not take a value; undefined: they can. It does not recurse, so
 * neither a deep value nor one that holds itself can overflow the stack.
 */
export function whyUnstorable(value: unknown): string | undefined {
  const waiting = [{ value, depth: 0 }];
  let seen = 0;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (++seen > maxValues) return `holds more than ${maxValues} values, or itself`;
    if (next.depth > maxDepth) return `is nested more than ${maxDepth} deep, or holds itself`;
    const found = next.value;
    if (typeof found === 'bigint') return 'holds a BigInt, which JSON has no form for';
    if (typeof found === 'string' && !isStorable(found)) return brokenText;
    if (typeof found !== 'object' || found === null) continue;
    for (const [key, item] of Object.entries(found)) {
      if (!isStorable(key)) return brokenText;
      waiting.push({ value: item, depth: next.depth + 1 });
    }
  }
  return undefined;
}

const brokenText = 'holds a NUL character or half of a surrogate pair, which Postgres cannot keep';
