import { isStorable } from '../../common/storable-text.js';

/** Deepest nesting of objects and arrays in a payload or result. Far deeper than anybody needs. */
const maxDepth = 100;
/** Most values in a payload or result. More than fit into the largest payload. */
const maxValues = 64 * 1024;

/**
 * Says why a value cannot be stored as JSON in Postgres; undefined when it can. The function does not
 * recurse, so neither a deeply nested nor a circular value can overflow the stack.
 *
 * @returns the end of a sentence: `holds a BigInt, …`
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
