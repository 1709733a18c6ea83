import { fill, type Canvas, type Point } from './canvas.js';
import { landColour } from './palette.js';
import { between, lineNoise, type Random } from './random.js';

/** Conifers along a ridge; a clearing wherever the noise in [-1, 1] is below `clearing`. */
export function trees(
  { palette, random }: Canvas,
  ridge: Point[],
  depth: number,
  clearing: number,
): string {
  const grove = lineNoise(random);
  const size = 42 + depth * (clearing < -0.5 ? 150 : 95);
  const shapes: string[] = [];
  let next = 0;
  for (const [x, y] of ridge) {
    const density = grove(x / 260);
    if (x < next || density < clearing) continue;
    shapes.push(conifer(random, x, y, size * between(random, 0.5, 1) * (0.65 + density * 0.5)));
    next = x + size * between(random, 0.12, 0.34);
  }
  return fill(shapes.join(''), landColour(palette, Math.min(1, depth + 0.05)));
}

function conifer(random: Random, x: number, y: number, height: number): string {
  const tiers = 5;
  const half = height * between(random, 0.17, 0.24);
  const foot = y + 8;
  const right: string[] = [];
  const left: string[] = [];
  for (let tier = 1; tier <= tiers; tier++) {
    const down = foot - height + (height * 0.9 * tier) / tiers;
    const reach = (half * tier) / tiers;
    const droop = height * 0.03;
    right.push(
      `${(x + reach).toFixed(1)} ${(down + droop).toFixed(1)}`,
      `${(x + reach * 0.45).toFixed(1)} ${(down - droop).toFixed(1)}`,
    );
    left.unshift(
      `${(x - reach * 0.45).toFixed(1)} ${(down - droop).toFixed(1)}`,
      `${(x - reach).toFixed(1)} ${(down + droop).toFixed(1)}`,
    );
  }
  const trunk = height * 0.025;
  return `M${x.toFixed(1)} ${(foot - height).toFixed(1)}L${right.join('L')}L${(x + trunk).toFixed(1)} ${foot.toFixed(1)}L${(x - trunk).toFixed(1)} ${foot.toFixed(1)}L${left.join('L')}Z`;
}
