import { styleText } from 'node:util';
import Table from 'cli-table3';
import { hasColours } from '../common/colours.js';

/** Width of a line when the output goes to a file or a pipe. */
const plainWidth = 100;
const gap = 2;
/** A column is never made narrower than this to fit. */
const narrowest = 12;
const noBorders = Object.fromEntries(
  ['top', 'bottom', 'left', 'mid', 'right', 'middle']
    .flatMap((side) => [side, `${side}-left`, `${side}-mid`, `${side}-right`])
    .map((part) => [part, '']),
);

export type Cell = string | number | null | undefined;
type Style = Parameters<typeof styleText>[0];

export function paint(style: Style, text: string): string {
  return hasColours(process.stdout) ? styleText(style, text) : text;
}

/** A table without borders that fits the terminal; long texts go on in the next line. */
export function table(head: string[], rows: Cell[][], empty = 'Nothing.', indent = 0): string {
  if (rows.length === 0) return empty;
  const cells = rows.map((row) => row.map((cell) => printable(cell ?? '')));
  const colWidths = widths(head, cells, indent);
  const drawn = new Table({
    head: head.map((title) => paint('bold', title)),
    colWidths,
    wordWrap: true,
    // A name that is longer than its column would lose its end.
    wrapOnWordBoundary: cells.every((row) => row.every((cell, i) => wordsFit(cell, colWidths[i]!))),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': gap },
  });
  drawn.push(...cells.map((row) => row.map(coloured)));
  const lines = drawn.toString().split('\n');
  return lines.map((line) => line.trimEnd()).join('\n');
}

/** Names and values, one per line. */
export function list(pairs: [name: string, value: Cell][]): string {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(
      ([name, value]) => `${name.padEnd(width)}${' '.repeat(gap)}${printable(value ?? '', true)}`,
    )
    .join('\n');
}

function wordsFit(cell: string, width: number): boolean {
  return cell.split(/\s/).every((word) => word.length <= width - gap);
}

function widths(head: string[], rows: string[][], indent: number): number[] {
  const natural = head.map(
    (title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)) + gap,
  );
  const fits = (process.stdout.isTTY ? process.stdout.columns : plainWidth) - indent + gap;
  const ids = head.map((_, i) => rows.every((row) => isId(row[i] ?? '')));
  for (;;) {
    const over = natural.reduce((sum, width) => sum + width, 0) - fits;
    // Half an id is of no use.
    const widest = natural.reduce((best, width, i) => (ids[i] ? best : Math.max(best, width)), 0);
    if (over <= 0 || widest <= narrowest) return natural;
    natural[natural.indexOf(widest)] = Math.max(narrowest, widest - Math.ceil(over / 4));
  }
}

function isId(cell: string): boolean {
  return /^[0-9a-f-]{36}$/.test(cell);
}

const colours: Record<string, Style> = {
  SUCCESS: 'green',
  FAILURE: 'red',
  REVOKED: 'yellow',
  STARTED: 'cyan',
  RETRY: 'magenta',
};

function coloured(cell: string): string {
  const colour = colours[cell];
  return colour ? paint(colour, cell) : cell;
}

/** Names and messages come from outside; a control character could move the cursor. */
export function printable(value: string | number, lines = false): string {
  if (typeof value === 'number') return count(value);
  return value.replace(lines ? /(?!\n)\p{Cc}/gu : /\p{Cc}/gu, ' ');
}

/** 1234 → `1,234` */
export function count(n: number): string {
  return n.toLocaleString('en');
}

/** 1 → `1 task`, 1234 → `1,234 tasks` */
export function counted(n: number, what: string): string {
  return `${count(n)} ${what}${n === 1 ? '' : 's'}`;
}

/** `2026-11-21 07:53:30`, UTC. */
export function moment(date: Date | string | number | null | undefined): string | undefined {
  if (date === null || date === undefined) return undefined;
  return new Date(date).toISOString().slice(0, 19).replace('T', ' ');
}

/** 93_784_000 → `1d 2h`; the two largest units that are not zero. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1).replace(/\.0$/, '')}s`;
  const seconds = Math.round(ms / 1_000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n}${unit}`)
    .join(' ');
}

/** `in 5m`, `3h ago`: how far a moment is from now. */
export function fromNow(date: Date | string | null): string | undefined {
  if (date === null) return undefined;
  const ms = new Date(date).getTime() - Date.now();
  if (Math.abs(ms) < 1_000) return 'now';
  return ms > 0 ? `in ${duration(ms)}` : `${duration(-ms)} ago`;
}
