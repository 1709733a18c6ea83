import { stroke, type Canvas, type Point } from './canvas.js';
import { mix } from './palette.js';
import { between } from './random.js';

/** The gradient, the sun with its rings, then stars, or clouds and birds. */
export function sky(canvas: Canvas): string {
  const { width, height, palette, horizon, sun } = canvas;
  const [top, middle, low] = palette.sky;
  const glow = palette.mood === 'ink' ? 0.12 : 0.55;
  return [
    `<defs><linearGradient id="sky" x2="0" y2="${horizon + 40}" gradientUnits="userSpaceOnUse"><stop offset="0" stop-color="${top}"/><stop offset=".58" stop-color="${middle}"/><stop offset="1" stop-color="${low}"/></linearGradient>`,
    `<radialGradient id="glow"><stop offset="0" stop-color="${palette.sun}" stop-opacity="${glow}"/><stop offset=".45" stop-color="${palette.sun}" stop-opacity="${glow * 0.3}"/><stop offset="1" stop-color="${palette.sun}" stop-opacity="0"/></radialGradient></defs>`,
    `<rect width="${width}" height="${height}" fill="url(#sky)"/>`,
    palette.mood === 'night' ? stars(canvas) : '',
    `<circle cx="${sun.x}" cy="${sun.y}" r="${sun.radius * 4.2}" fill="url(#glow)"/>`,
    rings(canvas),
    `<circle cx="${sun.x}" cy="${sun.y}" r="${sun.radius}" fill="${palette.sun}"/>`,
    palette.mood === 'night' ? craters(canvas) : clouds(canvas) + birds(canvas),
  ].join('');
}

function stars({ width, horizon, random, palette }: Canvas): string {
  const count = Math.round((width * horizon) / 4200);
  return Array.from({ length: count }, () => {
    const y = random() ** 1.5 * horizon;
    const size = 0.8 + random() ** 6 * 3.4;
    const opacity = (between(random, 0.35, 1) * (1 - (y / horizon) * 0.7)).toFixed(2);
    return `<circle cx="${(random() * width).toFixed(1)}" cy="${y.toFixed(1)}" r="${size.toFixed(1)}" fill="${palette.sun}" fill-opacity="${opacity}"/>`;
  }).join('');
}

function rings({ sun, palette, random, width }: Canvas): string {
  const count = Math.min(14, Math.ceil((width * 0.4) / sun.radius));
  return Array.from({ length: count }, (_, i) => {
    const radius = sun.radius * (1.28 + i * 0.3) + between(random, -2, 2);
    const opacity = (0.34 * (1 - i / count)).toFixed(2);
    return `<circle cx="${sun.x}" cy="${sun.y}" r="${radius}" fill="none" stroke="${palette.sun}" stroke-opacity="${opacity}" stroke-width="1.6"/>`;
  }).join('');
}

function craters({ sun, palette, random }: Canvas): string {
  const shade = mix(palette.sun, palette.sky[1], 0.3);
  return Array.from({ length: 6 }, () => {
    const angle = random() * Math.PI * 2;
    const reach = sun.radius * 0.68 * Math.sqrt(random());
    const radius = sun.radius * between(random, 0.06, 0.2);
    return `<circle cx="${sun.x + Math.cos(angle) * reach}" cy="${sun.y + Math.sin(angle) * reach}" r="${radius}" fill="${shade}" fill-opacity=".4"/>`;
  }).join('');
}

function clouds({ width, horizon, random, palette }: Canvas): string {
  const colour = mix(palette.sky[2], palette.sun, palette.mood === 'ink' ? 0 : 0.5);
  const count = Math.round(between(random, 2, 5) * Math.max(1, width / 1300));
  return Array.from({ length: count }, () => {
    const x = random() * width;
    const y = between(random, 0.1, 0.72) * horizon;
    const length = between(random, 160, 380);
    const bars = Array.from({ length: 4 }, (_, i) => {
      const w = length * (1 - i * 0.2) * between(random, 0.75, 1.1);
      const offset = between(random, -0.22, 0.22) * length;
      return `<rect x="${x + offset - w / 2}" y="${y - i * 13}" width="${w}" height="14" rx="7"/>`;
    });
    return `<g fill="${colour}" opacity=".34">${bars.join('')}</g>`;
  }).join('');
}

function birds({ width, horizon, random, palette }: Canvas): string {
  const centre: Point = [between(random, 0.15, 0.85) * width, between(random, 0.25, 0.6) * horizon];
  return Array.from({ length: 3 + Math.floor(random() * 6) }, () => {
    const x = centre[0] + between(random, -110, 110);
    const y = centre[1] + between(random, -55, 55);
    const span = between(random, 7, 17);
    const wings = `M${x - span} ${y - span * 0.3}q${span * 0.6} ${-span * 0.35} ${span} ${span * 0.4}q${span * 0.4} ${-span * 0.75} ${span} ${-span * 0.4}`;
    return stroke(wings, palette.land[2], 2.2, 0.62);
  }).join('');
}

/** Mist that thickens downward from the ridge at `y`, until the next ridge hides it. */
export function mist(
  { width, height, palette }: Canvas,
  y: number,
  depth: number,
  id: string,
): string {
  const colour = mix(palette.sky[2], palette.land[0], 0.2);
  const opacity = 0.5 * (1 - depth);
  const top = y - 90;
  return [
    `<defs><linearGradient id="${id}" x2="0" y1="${top}" y2="${y + 60}" gradientUnits="userSpaceOnUse"><stop offset="0" stop-color="${colour}" stop-opacity="0"/><stop offset="1" stop-color="${colour}" stop-opacity="${opacity.toFixed(2)}"/></linearGradient></defs>`,
    `<rect y="${top}" width="${width}" height="${height - top}" fill="url(#${id})"/>`,
  ].join('');
}
