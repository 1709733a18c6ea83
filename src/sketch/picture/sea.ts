import { fill, path, stroke, type Canvas, type Point } from './canvas.js';
import { landColour, mix } from './palette.js';
import { between, lineNoise, pick } from './random.js';

/** Water to the horizon: far islands, the sun's glitter, waves, and a small boat. */
export function sea(canvas: Canvas): string {
  return [
    islands(canvas),
    water(canvas),
    glitter(canvas),
    waves(canvas),
    boat(canvas),
    shore(canvas),
  ].join('');
}

function islands({ width, horizon, random, palette }: Canvas): string {
  return [0.05, 0.28]
    .map((depth) => {
      const noise = lineNoise(random);
      const start = random() * 30;
      const ridge: Point[] = [];
      for (let x = -6; x <= width + 12; x += 6) {
        const bulk = Math.max(0, noise(start + x / 420) + 0.05);
        ridge.push([
          x,
          horizon +
            3 -
            bulk * (150 - depth * 160) * (1 + noise(x / 60) * 0.16 + noise(x / 17) * 0.05),
        ]);
      }
      return fill(
        path([...ridge, [width + 10, horizon + 3], [-10, horizon + 3]], 'Z'),
        landColour(palette, depth),
      );
    })
    .join('');
}

function water({ width, height, horizon, palette }: Canvas): string {
  const near = mix(palette.land[1], palette.land[2], 0.35);
  return `<defs><linearGradient id="sea" x2="0" y1="${horizon}" y2="${height}" gradientUnits="userSpaceOnUse"><stop offset="0" stop-color="${mix(palette.sky[2], palette.land[0], 0.35)}"/><stop offset=".45" stop-color="${mix(palette.land[0], palette.land[1], 0.75)}"/><stop offset="1" stop-color="${near}"/></linearGradient></defs><rect y="${horizon}" width="${width}" height="${height - horizon}" fill="url(#sea)"/>`;
}

function glitter({ sun, height, horizon, random, palette }: Canvas): string {
  const strokes: string[] = [];
  for (let y = horizon + 4; y < height; y += 4 + ((y - horizon) / (height - horizon)) * 16) {
    const depth = (y - horizon) / (height - horizon);
    const spread = sun.radius * (0.75 + depth * 1.1);
    for (let n = 0; n < 3; n++) {
      const x = sun.x + (random() + random() - 1) * spread;
      const half = between(random, 6, 20 + depth * 46);
      strokes.push(
        path([
          [x - half, y],
          [x + half, y],
        ]),
      );
    }
  }
  return stroke(strokes.join(''), palette.sun, 3.4, 0.72);
}

function waves({ width, height, horizon, random, palette }: Canvas): string {
  const light: string[] = [];
  const dark: string[] = [];
  for (let y = horizon + 10; y < height; y += 7 + ((y - horizon) / (height - horizon)) * 17) {
    const depth = (y - horizon) / (height - horizon);
    for (let x = random() * -120; x < width;) {
      const length = between(random, 24, 70 + depth * 150);
      const swell = 1 + depth * 7;
      const line = `M${x.toFixed(1)} ${y.toFixed(1)}q${(length / 4).toFixed(1)} ${(-swell).toFixed(1)} ${(length / 2).toFixed(1)} 0t${(length / 2).toFixed(1)} 0`;
      (random() < 0.5 ? light : dark).push(line);
      x += length + between(random, 20, 200);
    }
  }
  return (
    stroke(dark.join(''), palette.land[2], 2, 0.4) +
    stroke(light.join(''), mix(palette.sky[2], palette.sun, 0.4), 2, 0.42)
  );
}

function boat({ width, height, horizon, sun, random, palette }: Canvas): string {
  const x = sun.x + pick(random, [-1, 1]) * between(random, 0.13, 0.3) * width;
  const y = horizon + (height - horizon) * between(random, 0.1, 0.24);
  const size = between(random, 46, 74);
  const hull = `M${x - size * 0.5} ${y}q${size * 0.5} ${size * 0.1} ${size} 0l${-size * 0.14} ${size * 0.17}h${-size * 0.68}Z`;
  const main = `M${x} ${y - size * 0.05}v${-size * 1.1}q${size * 0.36} ${size * 0.5} ${size * 0.42} ${size * 1.1}Z`;
  const jib = `M${x - size * 0.06} ${y - size * 0.07}v${-size * 0.86}q${-size * 0.1} ${size * 0.5} ${-size * 0.36} ${size * 0.86}Z`;
  const paper = mix('#fffaf0', palette.sky[2], 0.25);
  const reflection = path([
    [x - size * 0.34, y + size * 0.3],
    [x + size * 0.34, y + size * 0.3],
  ]);
  return (
    fill(main, paper) +
    fill(jib, paper, 0.85) +
    fill(hull, palette.land[2]) +
    stroke(reflection, palette.land[2], 3, 0.45)
  );
}

function shore({ width, height, random, palette }: Canvas): string {
  const side = pick(random, [0, 1]);
  const noise = lineNoise(random);
  const ridge: Point[] = [];
  for (let x = 0; x <= width * 0.6; x += 6) {
    const along = 1 - x / (width * 0.6);
    const y =
      height + 12 - 190 * along ** 1.5 * (1 + noise(x / 70) * 0.14) + noise(x / 23) * 5 * along;
    ridge.push([side ? width - x : x, y]);
  }
  const cliff = fill(path([...ridge, [side ? width : 0, height + 20]], 'Z'), palette.land[2]);
  const reeds = ridge.slice(0, Math.floor(ridge.length * 0.7)).map(([x, y]) => {
    const tall = between(random, 5, 30) * random();
    return `M${x.toFixed(1)} ${(y + 2).toFixed(1)}l${between(random, -6, 6).toFixed(1)} ${(-tall).toFixed(1)}`;
  });
  return cliff + stroke(reeds.join(''), palette.land[2], 2, 0.95);
}
