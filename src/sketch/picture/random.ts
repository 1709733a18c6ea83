import { createHash } from 'node:crypto';

/** A seeded stream of numbers in [0, 1). */
export type Random = () => number;

/** The same parts always give the same stream (mulberry32 over a SHA-256 seed). */
export function randomOf(...parts: (string | number)[]): Random {
  let state = createHash('sha256').update(parts.join('\u0000')).digest().readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** Smooth noise along a line, in [-1, 1]; one lattice value per unit of x. */
export function lineNoise(random: Random): (x: number) => number {
  const lattice = Array.from({ length: 64 }, () => random() * 2 - 1);
  const at = (i: number): number => lattice[((i % 64) + 64) % 64] as number;
  return (x) => {
    const left = Math.floor(x);
    const t = x - left;
    const smooth = t * t * (3 - 2 * t);
    return at(left) * (1 - smooth) + at(left + 1) * smooth;
  };
}
