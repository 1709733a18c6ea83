import { fill, path, type Canvas } from './canvas.js';
import { landColour, mix } from './palette.js';
import { between, type Random } from './random.js';
import { mist } from './sky.js';

/** Rows of towers, the nearest with lit windows. */
export function city(canvas: Canvas): string {
  const { height, horizon } = canvas;
  return [0.08, 0.36, 0.66, 0.97]
    .map((depth, i) => {
      const base = horizon + (height - horizon) * (0.12 + depth * 0.55);
      return (
        row(canvas, base, depth) + (depth < 0.8 ? mist(canvas, base + 60, depth, `mist${i}`) : '')
      );
    })
    .join('');
}

function row({ width, height, random, palette }: Canvas, base: number, depth: number): string {
  const towers: string[] = [];
  const windows: string[] = [];
  for (let x = -40; x < width;) {
    const w = between(random, 34, 62) * (0.8 + depth * 0.9);
    const tall = between(random, 60, 150) + random() ** 3 * 330 * (1 - depth * 0.45);
    const top = base - tall;
    towers.push(tower(random, x, top, w, height - top + 10));
    if (depth > 0.3) windows.push(...litWindows(random, x, top, w, height, 9 + depth * 9));
    x += w * between(random, 0.82, 1.2);
  }
  const light = mix(palette.sun, '#ffd88a', palette.mood === 'ink' ? 0 : 0.5);
  return (
    fill(towers.join(''), landColour(palette, depth)) +
    fill(windows.join(''), light, 0.32 + depth * 0.5)
  );
}

function tower(random: Random, x: number, top: number, w: number, h: number): string {
  const body = path(
    [
      [x, top],
      [x + w, top],
      [x + w, top + h],
      [x, top + h],
    ],
    'Z',
  );
  const roof = random();
  if (roof < 0.18)
    return (
      body +
      path(
        [
          [x, top + 1],
          [x + w / 2, top - w * 0.55],
          [x + w, top + 1],
        ],
        'Z',
      )
    );
  if (roof < 0.42) {
    const step = w * 0.22;
    return (
      body +
      path(
        [
          [x + step, top + 1],
          [x + step, top - 22],
          [x + w - step, top - 22],
          [x + w - step, top + 1],
        ],
        'Z',
      )
    );
  }
  if (roof < 0.58)
    return (
      body +
      path(
        [
          [x + w / 2 - 2, top + 1],
          [x + w / 2, top - 58],
          [x + w / 2 + 2, top + 1],
        ],
        'Z',
      )
    );
  return body;
}

function litWindows(
  random: Random,
  x: number,
  top: number,
  w: number,
  bottom: number,
  pitch: number,
): string[] {
  const lit: string[] = [];
  const side = pitch * 0.42;
  for (let y = top + pitch; y < Math.min(bottom, top + 420); y += pitch * 1.25) {
    for (let at = x + pitch * 0.6; at < x + w - pitch * 0.8; at += pitch) {
      if (random() < 0.26)
        lit.push(
          `M${at.toFixed(1)} ${y.toFixed(1)}h${side.toFixed(1)}v${(side * 1.3).toFixed(1)}h${(-side).toFixed(1)}Z`,
        );
    }
  }
  return lit;
}
