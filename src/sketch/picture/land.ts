import { fill, path, stroke, type Canvas, type Point } from './canvas.js';
import { landColour, mix } from './palette.js';
import { between, lineNoise, type Random } from './random.js';
import { mist } from './sky.js';
import { trees } from './trees.js';

export type LandKind = 'mountains' | 'hills' | 'forest' | 'dunes';

const SHAPES: Record<LandKind, { layers: number; amplitude: number; wooded: boolean }> = {
  mountains: { layers: 6, amplitude: 210, wooded: true },
  hills: { layers: 6, amplitude: 95, wooded: false },
  forest: { layers: 5, amplitude: 105, wooded: true },
  dunes: { layers: 5, amplitude: 120, wooded: false },
};

/** Ridges from the hazy horizon to the dark foreground, each with its hatching. */
export function land(canvas: Canvas, kind: LandKind): string {
  const { height, horizon, random } = canvas;
  const { layers, amplitude, wooded } = SHAPES[kind];
  return Array.from({ length: layers }, (_, i) => {
    const depth = i / (layers - 1);
    const base = horizon + (height * 0.93 - horizon) * depth ** 1.25;
    // Peaks stand at the back; the foreground is low, so that it frames rather than hides.
    const rise =
      kind === 'mountains' ? amplitude * (1.1 - depth * 0.75) : amplitude * (0.6 + depth * 0.4);
    const ridge = ridgeLine(canvas, kind, base, rise, depth);
    return [
      wooded && depth > (kind === 'forest' ? 0.2 : 0.45)
        ? trees(canvas, ridge, depth, kind === 'forest' ? -0.6 : -0.12)
        : '',
      layer(canvas, ridge, depth),
      kind === 'mountains' && depth < 0.65
        ? slopes(canvas, ridge, depth)
        : contours(canvas, ridge, depth, kind),
      depth < 0.85
        ? mist(canvas, base + (height - horizon) * 0.13, depth, `mist${i}`)
        : grass(canvas, ridge, random),
    ].join('');
  }).join('');
}

function ridgeLine(
  canvas: Canvas,
  kind: LandKind,
  base: number,
  rise: number,
  depth: number,
): Point[] {
  const { width, random } = canvas;
  const noise = lineNoise(random);
  const start = random() * 40;
  const scale = (kind === 'dunes' ? 520 : 330) * (0.75 + depth * 0.6);
  const heightAt = (x: number): number => {
    const at = start + x / scale;
    if (kind === 'mountains' && depth < 0.65) {
      const peaks = 1 - Math.abs(noise(at)) * 1.7;
      return peaks * 0.75 + noise(at * 3.1) * 0.2 + noise(at * 9.3) * 0.07 + noise(at * 23) * 0.025;
    }
    if (kind === 'dunes') {
      const crest = (at * 0.9) % 1;
      const windward = crest < 0.72 ? crest / 0.72 : (1 - crest) / 0.28;
      return (
        windward ** 1.6 * (0.65 + 0.35 * noise(Math.floor(at * 0.9) + 0.5)) - 0.3 + noise(at) * 0.45
      );
    }
    return noise(at) * 0.7 + noise(at * 2.3) * 0.25 + noise(at * 6.1) * 0.06;
  };
  const step = 6;
  return Array.from({ length: Math.ceil(width / step) + 3 }, (_, i) => {
    const x = (i - 1) * step;
    return [x, base - heightAt(x) * rise];
  });
}

function layer({ width, height, palette }: Canvas, ridge: Point[], depth: number): string {
  const shape: Point[] = [...ridge, [width + 10, height + 10], [-10, height + 10]];
  return fill(path(shape, 'Z'), landColour(palette, depth));
}

/** Engraver's strokes down the side that faces away from the sun. */
function slopes({ sun, palette, random }: Canvas, ridge: Point[], depth: number): string {
  const shadow = mix(landColour(palette, depth), palette.land[2], 0.42);
  const light = mix(landColour(palette, depth), palette.sun, 0.6);
  const dark: string[] = [];
  const lit: string[] = [];
  for (let i = 1; i < ridge.length - 1; i++) {
    const [x, y] = ridge[i] as Point;
    const fall = (ridge[i + 1] as Point)[1] - (ridge[i - 1] as Point)[1];
    const away = Math.sign(x - sun.x) || 1;
    const length = between(random, 14, 46) + Math.min(80, Math.abs(fall) * 7) * random();
    if (fall * away > 1) {
      dark.push(
        path([
          [x, y + 3],
          [x + away * length * 0.42, y + length],
        ]),
      );
      dark.push(
        path([
          [x + 2 * away, y + length * 0.8],
          [x + away * length * 0.66, y + length * 1.7],
        ]),
      );
    } else if (random() < 0.35) {
      lit.push(
        path([
          [x, y + 4],
          [x - away * length * 0.3, y + length * 0.7],
        ]),
      );
    }
  }
  return stroke(dark.join(''), shadow, 2.2, 0.5) + stroke(lit.join(''), light, 1.8, 0.4);
}

/** Lines that follow the ridge down the hill, like a map or a woodcut. */
function contours(
  { palette, random }: Canvas,
  ridge: Point[],
  depth: number,
  kind: LandKind,
): string {
  const wobble = lineNoise(random);
  const colour = mix(
    landColour(palette, depth),
    depth > 0.6 ? palette.land[0] : palette.land[2],
    0.45,
  );
  const lit = stroke(path(ridge), mix(landColour(palette, depth), palette.sky[2], 0.5), 2.4, 0.5);
  const gap = kind === 'dunes' ? 11 : 15 + depth * 7;
  const lines = Array.from({ length: 11 }, (_, k) => {
    const drop = (k + 1) * gap * (1 + k * 0.05);
    const line = ridge.map(([x, y]): Point => [
      x,
      y + drop + wobble(x / 130 + k * 2.7) * (4 + k * 1.6),
    ]);
    return stroke(path(line), colour, 1.7, 0.4 * (1 - k / 12));
  });
  return lit + lines.join('');
}

function grass({ palette }: Canvas, ridge: Point[], random: Random): string {
  const blades: string[] = [];
  for (const [x, y] of ridge) {
    const lean = between(random, -7, 9);
    const tall = between(random, 6, 24) * random();
    blades.push(
      `M${x.toFixed(1)} ${(y + 2).toFixed(1)}q${(lean * 0.2).toFixed(1)} ${(-tall * 0.6).toFixed(1)} ${lean.toFixed(1)} ${(-tall).toFixed(1)}`,
    );
  }
  return stroke(blades.join(''), palette.land[2], 1.8, 0.9);
}
