import type { Token } from './python-tokens.js';

/** A value as it was written; `unknown` needs Python to run, which nothing here does. */
export type PythonValue =
  string | number | boolean | null | PythonValue[] | { [key: string]: PythonValue } | Unknown;

/** An expression that is not a literal, as text. */
export class Unknown {
  constructor(readonly text: string) {}

  toJSON(): string {
    return this.text;
  }
}

/** `os.getenv('NAME', default)`: what the deployment sets. */
export class FromEnvironment extends Unknown {
  constructor(
    text: string,
    readonly variable: string,
    readonly fallback: PythonValue,
  ) {
    super(text);
  }
}

/** `crontab(hour=3)`: a call, whose arguments can be read. */
export class Call extends Unknown {
  constructor(
    text: string,
    /** As it is written: `celery.schedules.crontab`. */
    readonly callee: string,
    readonly positional: PythonValue[],
    readonly named: Record<string, PythonValue>,
  ) {
    super(text);
  }
}

/** Reads literals and little more: `60 * 60`, `os.getenv(…)`, text beside text. */
export class PythonReader {
  at = 0;

  constructor(readonly tokens: Token[]) {}

  get now(): Token | undefined {
    return this.tokens[this.at];
  }

  is(text: string, ahead = 0): boolean {
    const token = this.tokens[this.at + ahead];
    return token?.kind === 'sign' && token.text === text;
  }

  take(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }

  /** One expression; ends before a comma, a closing bracket or the end of the line. */
  value(): PythonValue {
    const began = this.at;
    const value = this.product();
    if (this.ended()) return value;
    this.skip();
    return new Unknown(this.textFrom(began));
  }

  private ended(): boolean {
    const token = this.now;
    if (!token || token.kind === 'line') return true;
    return token.kind === 'sign' && [',', ')', ']', '}', ':'].includes(token.text);
  }

  private product(): PythonValue {
    let value = this.literal();
    while (typeof value === 'number' && this.is('*')) {
      const began = this.at;
      this.at++;
      const factor = this.literal();
      if (typeof factor !== 'number') {
        this.at = began;
        return value;
      }
      value *= factor;
    }
    return value;
  }

  private literal(): PythonValue {
    const token = this.now;
    if (!token) return new Unknown('');
    if (token.kind === 'string') return this.text();
    if (token.kind === 'number') {
      this.at++;
      return Number(token.text.replaceAll('_', ''));
    }
    if (token.kind === 'name') return this.name();
    if (this.take('-')) {
      const value = this.literal();
      return typeof value === 'number' ? -value : new Unknown(`-${textOf(value)}`);
    }
    if (this.take('[')) return this.items(']');
    if (this.take('(')) return this.tuple();
    if (this.take('{')) return this.entries();
    return new Unknown(token.text);
  }

  private text(): string {
    let text = '';
    while (this.now?.kind === 'string') text += this.tokens[this.at++]!.text;
    return text;
  }

  private name(): PythonValue {
    const words: Record<string, PythonValue> = { True: true, False: false, None: null };
    const began = this.at;
    const token = this.tokens[this.at++]!;
    if (Object.hasOwn(words, token.text)) return words[token.text]!;
    while (this.is('.') || this.is('(') || this.is('[')) this.skipPart();
    const tokens = this.tokens.slice(began, this.at);
    const text = this.textFrom(began);
    const read = environmentRead(tokens, text);
    return read instanceof FromEnvironment ? read : (callOf(tokens, text) ?? read);
  }

  private skipPart(): void {
    if (this.take('.')) this.at++;
    else this.brackets();
  }

  private tuple(): PythonValue {
    const began = this.at;
    const items = this.items(')');
    const last = this.tokens[this.at - 2];
    // `(60)` is a number; `(60,)` a tuple.
    return items.length === 1 && last?.text !== ',' && this.at > began + 1 ? items[0]! : items;
  }

  private items(end: string): PythonValue[] {
    const items: PythonValue[] = [];
    while (this.now && !this.take(end)) {
      items.push(this.value());
      if (!this.take(',') && !this.is(end)) this.skip();
    }
    return items;
  }

  private entries(): PythonValue {
    const entries: Record<string, PythonValue> = {};
    const set: PythonValue[] = [];
    while (this.now && !this.take('}')) {
      const key = this.value();
      if (this.take(':')) entries[textOf(key)] = this.value();
      else set.push(key);
      if (!this.take(',') && !this.is('}')) this.skip();
    }
    return set.length > 0 ? set : entries;
  }

  /** Over the rest of an expression. */
  private skip(): void {
    const began = this.at;
    while (!this.ended()) {
      if (this.is('(') || this.is('[') || this.is('{')) this.brackets();
      else this.at++;
    }
    // Never stuck on a closing bracket that fits nothing.
    if (this.at === began && this.now) this.at++;
  }

  private brackets(): void {
    for (let depth = 0; this.now;) {
      const { kind, text } = this.tokens[this.at++]!;
      if (kind !== 'sign') continue;
      if ('([{'.includes(text)) depth++;
      if (')]}'.includes(text) && --depth <= 0) return;
    }
  }

  private textFrom(began: number): string {
    return this.tokens
      .slice(began, this.at)
      .map(({ kind, text }) => (kind === 'string' ? `'${text}'` : text))
      .join('')
      .slice(0, 80);
  }
}

function environmentRead(tokens: Token[], text: string): Unknown {
  const [, , variable] = /(getenv\(|environ\.get\(|environ\[)'([^']+)'/.exec(text) ?? [];
  if (variable === undefined) return new Unknown(text);
  const comma = tokens.findIndex((token) => token.kind === 'sign' && token.text === ',');
  const fallback = comma < 0 ? null : new PythonReader(tokens.slice(comma + 1)).value();
  return new FromEnvironment(text, variable, fallback);
}

/** `name.name(…)` and nothing after it. */
function callOf(tokens: Token[], text: string): Call | undefined {
  const open = tokens.findIndex(({ kind, text: sign }) => kind === 'sign' && sign === '(');
  const named: Record<string, PythonValue> = {};
  const positional: PythonValue[] = [];
  if (open < 0 || tokens.slice(0, open).some(({ text: word }) => word === '[')) return undefined;
  const reader = new PythonReader(tokens.slice(open + 1));
  while (reader.now && !reader.take(')')) {
    const { kind, text: name } = reader.now;
    if (kind === 'name' && reader.is('=', 1)) {
      reader.at += 2;
      named[name] = reader.value();
    } else {
      positional.push(reader.value());
    }
    if (!reader.take(',') && !reader.is(')')) return undefined;
  }
  if (reader.now) return undefined;
  const callee = tokens.slice(0, open).map(({ text: word }) => word);
  return new Call(text, callee.join(''), positional, named);
}

/** As a person would write it. */
export function textOf(value: PythonValue): string {
  if (value instanceof Unknown) return value.text;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
