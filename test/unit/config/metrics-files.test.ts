import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readEnvironment } from '../../../src/config/environment.js';
import { metricsOf, metricsOfDashboard, panelsOf, rulesOf } from '../../support/promql.js';

interface Compose {
  services: Record<
    string,
    { environment?: Record<string, string>; volumes?: string[]; configs?: { target: string }[] }
  >;
  configs: Record<string, { content: string }>;
}

interface Prometheus {
  rule_files: string[];
  scrape_configs: {
    job_name: string;
    authorization: { credentials_file: string };
    dns_sd_configs: { names: string[]; port: number }[];
  }[];
}

const read = (path: string) => readFileSync(path, 'utf8');

describe('the files for Prometheus and Grafana', () => {
  it('alerts are PromQL, and each has a severity, a summary and a section of the docs', () => {
    const rules = rulesOf(read('docker/prometheus/alerts.yml'));
    const sections = [...read('docs/operations.md').matchAll(/^### (Darkroom\w+)$/gm)];
    expect(rules.map(({ alert }) => alert)).toEqual(sections.map(([, name]) => name));
    for (const { alert, expr, labels, annotations, ...rest } of rules) {
      expect(metricsOf(expr).length).toBeGreaterThan(0);
      expect(labels.severity).toMatch(/^(page|ticket)$/);
      expect(annotations.summary).toMatch(/\.$/);
      expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
      expect(rest.for ?? '1m').toMatch(/^\d+m$/);
    }
  });

  it('what is no PromQL is noticed', () => {
    for (const wrong of ['sum(( x', 'rate(x_total[5q])', 'x >', '{job="x"}']) {
      expect(() => metricsOf(wrong)).toThrow(wrong);
    }
  });

  it('panels of the dashboard have an expression each, and do not lie over each other', () => {
    const json = read('docker/grafana/dashboards/darkroom.json');
    expect(metricsOfDashboard(json).size).toBeGreaterThan(20);
    const places = new Set<string>();
    for (const { type, title, targets, gridPos } of panelsOf(json)) {
      expect([title, type === 'row' || targets!.length > 0]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(places.has(`${x} ${y}`) && title).toBe(false);
          places.add(`${x} ${y}`);
        }
      }
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    }
  });

  it('Prometheus asks every service of ours, on its port and with its token', () => {
    const { services, configs } = parse(read('docker-compose.yml'), { merge: true }) as Compose;
    const prometheus = parse(read('docker/prometheus/prometheus.yml')) as Prometheus;
    const asked = prometheus.scrape_configs.flatMap((job) => job.dns_sd_configs);
    const ours = Object.entries(services).filter(([, s]) => s.environment?.['METRICS_PORT']);
    expect(asked.flatMap(({ names }) => names).toSorted()).toEqual(
      ours.map(([name]) => name).toSorted(),
    );
    for (const [, { environment }] of ours) {
      for (const { port } of asked) expect(String(port)).toBe(environment!['METRICS_PORT']);
      expect(configs['metrics-token']!.content).toBe(environment!['METRICS_TOKEN']);
    }
    const { volumes, configs: files } = services['prometheus']!;
    for (const { authorization, job_name } of prometheus.scrape_configs) {
      expect(authorization.credentials_file).toBe(files![0]!.target);
      expect(job_name).toMatch(/^darkroom-/);
    }
    for (const file of prometheus.rule_files) {
      expect(volumes!.filter((volume) => volume.includes(`:${file}:`))).toHaveLength(1);
    }
  });
});

describe('METRICS_HOST', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s needs no token', (METRICS_HOST) => {
    const env = readEnvironment({ METRICS_PORT: '9464', METRICS_HOST });
    expect([env.metricsPort, env.metricsHost, env.metricsToken]).toEqual([
      9464,
      METRICS_HOST,
      undefined,
    ]);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', '127.example.com'])('%s needs one', (METRICS_HOST) => {
    const env = { METRICS_PORT: '9464', METRICS_HOST };
    expect(() => readEnvironment(env)).toThrow('METRICS_TOKEN is not set');
    const METRICS_TOKEN = 'only-for-the-test';
    expect(readEnvironment({ ...env, METRICS_TOKEN }).metricsToken).toBe(METRICS_TOKEN);
    // Nothing listens there.
    expect(readEnvironment({ METRICS_HOST }).metricsPort).toBeUndefined();
  });

  it('a short token is refused, and not printed', () => {
    const read = () => readEnvironment({ METRICS_TOKEN: 'CANARY2b' });
    expect(read).toThrow('METRICS_TOKEN has fewer than 16 characters');
    expect(read).not.toThrow('CANARY2b');
  });
});
