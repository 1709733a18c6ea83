import type { Palette } from './palette.js';
import type { Random } from './random.js';

/** What each layer of a scene draws on. The shorter side is 1000 units long. */
export interface Canvas {
  width: number;
  height: number;
  palette: Palette;
  random: Random;
  sun: { x: number; y: number; radius: number };
  /** y of the horizon. */
  horizon: number;
}

export type Point = [x: number, y: number];

const short = (value: number): string => value.toFixed(1);

/** SVG path data through the points; closed shapes end with Z. */
export function path(points: Point[], end: '' | 'Z' = ''): string {
  return `M${points.map(([x, y]) => `${short(x)} ${short(y)}`).join('L')}${end}`;
}

export function stroke(data: string, colour: string, width: number, opacity: number): string {
  return `<path d="${data}" fill="none" stroke="${colour}" stroke-width="${short(width)}" stroke-opacity="${opacity.toFixed(2)}" stroke-linecap="round" stroke-linejoin="round"/>`;
}

export function fill(data: string, colour: string, opacity = 1): string {
  return `<path d="${data}" fill="${colour}" fill-opacity="${opacity.toFixed(2)}"/>`;
}
