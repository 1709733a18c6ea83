/** One figure on both queue engines, and on the baseline where there is one. */
export interface Row {
  figure: string;
  unit: '/s' | 'ms' | 's' | '%' | 'MiB' | 'KiB' | '×' | 'pictures';
  postgres: number;
  redis: number;
  baseline?: number;
  /** `at least 1000`, where the figure has one. */
  target?: string;
}

export interface Table {
  title: string;
  /** What the baseline column is. */
  baseline?: string;
  rows: Row[];
  /** What limits the figures, and how that is known. */
  limit: string;
}

export function printTable({ title, baseline, rows, limit }: Table): void {
  const head = ['figure', 'Postgres', 'Redis', 'Postgres : Redis', 'target'];
  if (baseline !== undefined) head.splice(1, 0, baseline);
  const lines = rows.map((row) => {
    const cells = [
      `${row.figure}, ${row.unit}`,
      shown(row.postgres),
      shown(row.redis),
      shown(row.postgres / row.redis),
      row.target ?? '',
    ];
    if (baseline !== undefined) cells.splice(1, 0, shown(row.baseline));
    return cells;
  });
  const all = [head, head.map(() => '---'), ...lines];
  const text = all.map((cells) => inColumns(cells, [head, ...lines]));
  // In one piece: benchmarks of a smoke run write at the same time.
  console.log([`\n## ${title}\n`, ...text, `\nLimit: ${limit}`].join('\n'));
}

function inColumns(cells: string[], all: string[][]): string {
  const padded = cells.map((cell, i) => {
    const width = Math.max(...all.map((line) => line[i]!.length));
    return cell === '---' ? '-'.repeat(width) : cell.padEnd(width);
  });
  return `| ${padded.join(' | ')} |`;
}

function shown(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
