import { pick, type Random } from './random.js';

export interface Palette {
  mood: 'dawn' | 'day' | 'dusk' | 'night' | 'ink';
  /** Top, middle and horizon of the sky. */
  sky: [string, string, string];
  /** The sun, or the moon at night. */
  sun: string;
  /** Land from the haze at the horizon to the foreground. */
  land: [string, string, string];
}

const PALETTES: Palette[] = [
  {
    mood: 'dawn',
    sky: ['#34436f', '#c8697f', '#ffcfa6'],
    sun: '#fff1d6',
    land: ['#d98f8f', '#7c4a72', '#22203f'],
  },
  {
    mood: 'dawn',
    sky: ['#7d5f9f', '#e793b2', '#ffe3d3'],
    sun: '#fff6ec',
    land: ['#d398b4', '#7d5590', '#2c2148'],
  },
  {
    mood: 'dawn',
    sky: ['#2f6f7e', '#8fc1b5', '#f6e9ca'],
    sun: '#ff8f62',
    land: ['#93bab0', '#3f7478', '#12343b'],
  },
  {
    mood: 'day',
    sky: ['#5aa9d6', '#a9d8e6', '#f8f3da'],
    sun: '#fff6c4',
    land: ['#9cc3c6', '#4d8f83', '#173f3f'],
  },
  {
    mood: 'day',
    sky: ['#a9c9b8', '#d3e3ca', '#f7f1da'],
    sun: '#fffbe6',
    land: ['#aec8b2', '#557d6b', '#15302a'],
  },
  {
    mood: 'day',
    sky: ['#dde7df', '#f1e3bd', '#f5cd84'],
    sun: '#e4572e',
    land: ['#a9bbab', '#4f7a7a', '#1d3a4a'],
  },
  {
    mood: 'dusk',
    sky: ['#e07a55', '#f6b26b', '#fde8b5'],
    sun: '#fffae8',
    land: ['#dfa274', '#9a5b4f', '#3a2433'],
  },
  {
    mood: 'dusk',
    sky: ['#3d2b5e', '#8f5d9f', '#f5ae93'],
    sun: '#ffe6ba',
    land: ['#a575a5', '#573b76', '#1b1436'],
  },
  {
    mood: 'dusk',
    sky: ['#2a0f2e', '#932f4a', '#f98f54'],
    sun: '#ffdf96',
    land: ['#b34a54', '#5b213f', '#1c0a1e'],
  },
  {
    mood: 'night',
    sky: ['#0b1033', '#27306b', '#6f63a3'],
    sun: '#f9f2dc',
    land: ['#504f8c', '#262b5c', '#090c22'],
  },
  {
    mood: 'night',
    sky: ['#06141f', '#0f3b4c', '#48988e'],
    sun: '#f3f8e6',
    land: ['#2b6a72', '#123a48', '#050f17'],
  },
  {
    mood: 'ink',
    sky: ['#efe9dc', '#ebe2cf', '#e4d8bf'],
    sun: '#c8412f',
    land: ['#c3bdae', '#737570', '#23282b'],
  },
];

const MOOD_WORDS: [RegExp, Palette['mood']][] = [
  [/\b(night|midnight|moon\w*|stars?|starry|galaxy|neon|dark)\b/i, 'night'],
  [/\b(ink|sumi|sumi-e|monochrome|black and white|minimal\w*|zen|engraving)\b/i, 'ink'],
  [/\b(sunset|dusk|evening|autumn|fire|ember|golden)\b/i, 'dusk'],
  [/\b(dawn|sunrise|morning|pastel|spring|rose|pink)\b/i, 'dawn'],
  [/\b(noon|day|daylight|summer|blue sky|meadow)\b/i, 'day'],
];

export function choosePalette(prompt: string, random: Random): Palette {
  const mood = MOOD_WORDS.find(([words]) => words.test(prompt))?.[1];
  return pick(random, mood ? PALETTES.filter((palette) => palette.mood === mood) : PALETTES);
}

/** A colour between two others; 0 gives `from`, 1 gives `to`. */
export function mix(from: string, to: string, amount: number): string {
  const channels = [1, 3, 5].map((at) => {
    const a = Number.parseInt(from.slice(at, at + 2), 16);
    const b = Number.parseInt(to.slice(at, at + 2), 16);
    return Math.round(a + (b - a) * amount)
      .toString(16)
      .padStart(2, '0');
  });
  return `#${channels.join('')}`;
}

/** Land colour at a depth: 0 is the horizon, 1 the foreground. */
export function landColour(palette: Palette, depth: number): string {
  const [far, middle, near] = palette.land;
  return depth < 0.5 ? mix(far, middle, depth * 2) : mix(middle, near, depth * 2 - 1);
}
