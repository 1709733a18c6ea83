/** Values that neither JSON nor Postgres can keep. Each is made anew. */
export const unstorable: [string, () => unknown][] = [
  ['half of a surrogate pair', () => 'cut \ud83d'],
  ['half of a surrogate pair in a key', () => ({ '\udc00': 1 })],
  ['a NUL', () => ({ text: ['a\u0000b'] })],
  ['3,000 levels', () => nested(3_000)],
  ['100,000 levels', () => nested(100_000)],
  ['a cycle', cycle],
  ['a BigInt', () => ({ n: 1n })],
];

export function nested(levels: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function cycle(): unknown {
  const self: { again?: unknown } = {};
  self.again = self;
  return self;
}
