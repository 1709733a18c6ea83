import type { Canvas } from './canvas.js';
import { city } from './city.js';
import { land, type LandKind } from './land.js';
import { sketchMark } from './mark.js';
import { choosePalette, mix } from './palette.js';
import { between, pick, randomOf } from './random.js';
import { sea } from './sea.js';
import { sky } from './sky.js';

type SceneKind = LandKind | 'sea' | 'city';

const SCENE_WORDS: [RegExp, SceneKind][] = [
  [
    /\b(sea|ocean|beach|coast|boat|ship|sail\w*|island|lighthouse|lake|wave|waves|harbou?r)\b/i,
    'sea',
  ],
  [/\b(city|street|skyline|tower|cyberpunk|town|building|skyscraper|tokyo|new york)\b/i, 'city'],
  [/\b(forest|wood|woods|tree|trees|fox|deer|cabin|jungle)\b/i, 'forest'],
  [/\b(desert|dune|dunes|sand|camel|mars|canyon)\b/i, 'dunes'],
  [/\b(mountain|mountains|alps|peak|snow|castle|dragon|volcano)\b/i, 'mountains'],
  [/\b(hill|hills|meadow|field|valley|village|farm|garden)\b/i, 'hills'],
];
const SCENES: SceneKind[] = ['mountains', 'hills', 'forest', 'dunes', 'sea'];
const PAPER = '#f7f2e6';

/** One landscape print as SVG: the prompt sets subject and colours, the seed the composition. */
export function sceneSvg(prompt: string, seed: number, width: number, height: number): string {
  const taste = randomOf('taste', prompt);
  const palette = choosePalette(prompt, taste);
  const kind = SCENE_WORDS.find(([words]) => words.test(prompt))?.[1] ?? pick(taste, SCENES);

  const side = Math.min(width, height);
  const margin = side * 0.045;
  const foot = side * 0.085;
  const inner = { width: width - margin * 2, height: height - margin - foot };
  const unit = Math.min(inner.width, inner.height) / 1000;

  const random = randomOf('composition', prompt, seed);
  const canvas: Canvas = {
    width: inner.width / unit,
    height: inner.height / unit,
    palette,
    random,
    horizon: 0,
    sun: { x: 0, y: 0, radius: between(random, 62, 118) },
  };
  canvas.horizon = canvas.height * between(random, 0.5, 0.62);
  canvas.sun.x =
    canvas.width * pick(random, [between(random, 0.22, 0.42), between(random, 0.58, 0.78)]);
  canvas.sun.y = canvas.horizon * between(random, 0.34, 0.8);

  const ink = mix(palette.land[2], palette.land[1], 0.25);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" fill="${PAPER}"/>`,
    `<svg x="${margin}" y="${margin}" width="${inner.width}" height="${inner.height}" viewBox="0 0 ${canvas.width} ${canvas.height}" overflow="hidden">`,
    sky(canvas),
    subject(canvas, kind),
    '</svg>',
    `<rect x="${margin}" y="${margin}" width="${inner.width}" height="${inner.height}" fill="none" stroke="${ink}" stroke-width="${side * 0.0022}" stroke-opacity=".55"/>`,
    sketchMark(width - margin, height - foot * 0.36, side * 0.024, ink),
    '</svg>',
  ].join('');
}

function subject(canvas: Canvas, kind: SceneKind): string {
  if (kind === 'sea') return sea(canvas);
  if (kind === 'city') return city(canvas);
  return land(canvas, kind);
}
