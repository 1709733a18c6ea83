/** A word, a number, a string (its contents) or a sign of Python. */
export interface Token {
  kind: 'name' | 'number' | 'string' | 'sign' | 'line';
  text: string;
}

const patterns: [Token['kind'] | 'skip', RegExp][] = [
  ['skip', /[ \t\f]+|\\\r?\n|#[^\n]*/y],
  ['line', /\r?\n|;/y],
  ['string', /[rRuUbB]{0,2}("""|''')([^]*?)\1/y],
  ['string', /[rRuUbB]{0,2}(["'])((?:\\[^]|(?!\1)[^\\\n])*)\1/y],
  ['number', /\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?/y],
  ['name', /[A-Za-z_]\w*/y],
  ['sign', /\*\*|[+\-*/%=(){}[\],.:@<>!&|^~]/y],
];

/**
 * The words of a Python file, for reading settings out of it. Line ends inside brackets are dropped,
 * as Python does. A character that fits nowhere becomes a sign.
 */
export function pythonTokens(source: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  for (let at = 0; at < source.length;) {
    const { kind, text, length } = next(source, at);
    at += length;
    if (kind === 'sign' && '([{'.includes(text)) depth++;
    if (kind === 'sign' && ')]}'.includes(text)) depth = Math.max(0, depth - 1);
    if (kind === 'skip' || (kind === 'line' && depth > 0)) continue;
    tokens.push({ kind, text });
  }
  return tokens;
}

function next(source: string, at: number) {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (!found) continue;
    const [whole, , contents] = found;
    const text = kind === 'string' ? unescaped(contents!, whole) : whole;
    return { kind, text, length: whole.length };
  }
  return { kind: 'sign' as const, text: source[at]!, length: 1 };
}

function unescaped(contents: string, whole: string): string {
  if (/^[bBuU]?[rR]/.test(whole)) return contents;
  const known: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\n': '' };
  return contents.replace(/\\([^])/g, (_, c: string) => known[c] ?? c);
}
