import { AppError } from '../../common/app-error.js';

const maxDepth = 20;
/** Of a body of 64 KiB. */
const usualKeys = 1_000;

/** The body cannot be read; the message says why, without repeating it. */
export class MalformedBodyError extends AppError {
  constructor(message: string, cause?: unknown) {
    super(400, 'malformed_request', message, { cause });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * `JSON.parse` that refuses what two readers could read differently and what only costs time: bytes that are not
 * UTF-8, duplicate keys, keys that could change a prototype, deep nesting, very many keys.
 *
 * @param times how many times as many keys as usual it may have
 * @throws MalformedBodyError
 */
export function parseStrictJson(body: Uint8Array, times = 1): unknown {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(body);
    value = JSON.parse(text);
  } catch (error) {
    throw new MalformedBodyError('The body is not valid JSON.', error);
  }
  checkKeys(text, usualKeys * times);
  return value;
}

/** Walks text that is known to be valid JSON. */
function checkKeys(text: string, maxKeys: number): void {
  const open: (Set<string> | undefined)[] = [];
  let keys = 0;
  let expectsKey = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{' || c === '[') {
      if (open.push(c === '{' ? new Set() : undefined) > maxDepth) {
        throw new MalformedBodyError(`The body is nested deeper than ${maxDepth} levels.`);
      }
      expectsKey = c === '{';
    } else if (c === '}' || c === ']') {
      open.pop();
      expectsKey = false;
    } else if (c === ',') {
      expectsKey = open.at(-1) !== undefined;
    } else if (c === '"') {
      const end = endOfString(text, i);
      if (expectsKey) {
        if (++keys > maxKeys) throw new MalformedBodyError(`The body has over ${maxKeys} keys.`);
        addKey(open.at(-1)!, JSON.parse(text.slice(i, end + 1)) as string);
        expectsKey = false;
      }
      i = end;
    }
  }
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

function addKey(object: Set<string>, key: string): void {
  if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
    throw new MalformedBodyError('The body has a key that is not allowed anywhere.');
  }
  if (object.has(key))
    throw new MalformedBodyError('The body has the same key twice in an object.');
  object.add(key);
}
