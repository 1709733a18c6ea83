import { expect } from '@jest/globals';
import { MetricsServer } from '../../src/features/metrics/metrics-server.js';

/** The numbers of a process at one moment. */
export interface Scraped {
  text: string;
  /** Names, as rules and dashboards write them. */
  names: Set<string>;
  /** Its value; undefined: there is none with these labels. @param labels as in the text: `queue="x",state="y"` */
  value: (name: string, labels?: string) => number | undefined;
}

interface HasServer {
  get(token: typeof MetricsServer): MetricsServer;
}

export async function scrape(app: HasServer): Promise<Scraped> {
  const response = await fetch(app.get(MetricsServer).url!);
  expect(response.status).toBe(200);
  return scraped(await response.text());
}

const sample = /^([a-z_]\w*)(?:\{(.*)\})? (NaN|Nan|[+-]?Inf|-?[\d.e+-]+)$/;

/** Fails when a line is not in the text format of Prometheus, or a sample has no HELP and TYPE before it. */
export function scraped(text: string): Scraped {
  const values = new Map<string, number>();
  const names = new Set<string>();
  const types = new Map<string, string>();
  const described = new Set<string>();
  for (const line of text.split('\n')) {
    const [, kind, about, rest] = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') described.add(about!);
    if (kind === 'TYPE') types.set(about!, rest!);
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = sample.exec(line) ?? [];
    expect(name ?? `not a sample: ${line}`).toBe(name);
    const family = types.has(name!) ? name! : name!.replace(/_(bucket|sum|count)$/, '');
    expect([described.has(family), types.has(family)]).toEqual([true, true]);
    const key = `${name}{${labels}}`;
    expect(values.has(key) && `twice: ${key}`).toBe(false);
    values.set(key, Number(value));
    names.add(name!);
  }
  for (const [name, type] of types) {
    if (type !== 'histogram') names.add(name);
    else for (const end of ['bucket', 'sum', 'count']) names.add(`${name}_${end}`);
  }
  return { text, names, value: (name, labels = '') => values.get(`${name}{${labels}}`) };
}
