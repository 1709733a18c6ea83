/** One-line letters on a 6 × 10 grid: drawn as paths, because the machine may have no fonts. */
const LETTERS: Record<string, string> = {
  S: 'M5.6 1.6C4.6 .2 1 .2 .9 2.6C.8 5.2 5.6 4.4 5.5 7.4C5.4 10.2 1.4 10 .4 8.2',
  K: 'M.8 .2V9.9M5.4 .3L1 5.6M2.3 4.4L5.7 9.8',
  E: 'M5.4 .4H.8V9.7H5.6M.8 4.9H4.6',
  T: 'M.1 .5H5.9M3 .5V9.9',
  C: 'M5.6 2C4.8 .2 .7 -.3 .6 5C.5 10.2 4.6 10.1 5.7 8.1',
  H: 'M.7 .2V9.9M5.4 .2V9.9M.7 5H5.4',
};
const ADVANCE = 8.4;

/** The word SKETCH, its right end at `right`, standing on `baseline`. */
export function sketchMark(
  right: number,
  baseline: number,
  height: number,
  colour: string,
): string {
  const scale = height / 10;
  const word = 'SKETCH';
  const left = right - (word.length * ADVANCE - (ADVANCE - 6)) * scale;
  const letters = Array.from(
    word,
    (letter, i) => `<path transform="translate(${i * ADVANCE} 0)" d="${LETTERS[letter] ?? ''}"/>`,
  );
  const underline = '<path d="M-1.5 13.2C14 12.2 33 14 49.5 12.6" stroke-opacity=".55"/>';
  return `<g transform="translate(${left} ${baseline - height}) scale(${scale})" fill="none" stroke="${colour}" stroke-width="1.25" stroke-linecap="round" stroke-linejoin="round">${letters.join('')}${underline}</g>`;
}
