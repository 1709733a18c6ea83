import { InvalidArgumentError } from 'commander';
import { parseQueueNames, type QueueName } from '../tasks/definitions/queues.js';

const units: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `500ms`, `10s`, `5m`, `1h`, `2d`; a bare number counts seconds. @returns milliseconds */
export function durationValue(text: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim()) ?? [];
  if (number === undefined) {
    throw new InvalidArgumentError('Write a duration as 500ms, 10s, 5m, 1h or 2d.');
  }
  const ms = Number(number) * units[unit]!;
  if (ms > 2 ** 31 - 1) throw new InvalidArgumentError('24 days are the most.');
  return ms;
}

export function momentValue(text: string): Date {
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError('Write a moment as 2026-12-24T18:00:00Z.');
  }
  return date;
}

export function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${(error as Error).message}.`);
  }
}

export function listValue(text: string): unknown[] {
  const value = jsonValue(text);
  if (!Array.isArray(value)) throw new InvalidArgumentError('Write a list: [2, 3].');
  return value;
}

export function queuesValue(text: string): QueueName[] {
  try {
    return parseQueueNames(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export function queueValue(text: string): QueueName {
  const names = queuesValue(text);
  if (names.length !== 1) throw new InvalidArgumentError('Name one queue.');
  return names[0]!;
}

/** @returns a parser of whole numbers within these bounds */
export function integerValue(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < min || number > max) {
      throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
    }
    return number;
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isId(text: string): boolean {
  return uuid.test(text);
}

export function idValue(text: string): string {
  if (!isId(text)) {
    throw new InvalidArgumentError('A task id looks like 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54.');
  }
  return text.toLowerCase();
}

/** Names separated by commas. */
export function namesValue(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  return names.filter((name) => name !== '');
}

/** For an argument that may be repeated. */
export function idsValue(text: string, before: string[] = []): string[] {
  return [...before, idValue(text)];
}
