import { isIP } from 'node:net';
import { z } from 'zod';
import { integer } from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const metricsVariables = {
  METRICS_PORT: variable(integer(0, 65535).optional(), {
    description:
      'Port on which a process shows its numbers to Prometheus, at /metrics; each process needs its own. Default: none.',
    example: '9464',
  }),
  METRICS_HOST: variable(z.string().default('127.0.0.1'), {
    description:
      'Address of METRICS_PORT: 127.0.0.1 for this machine only; any other needs METRICS_TOKEN.',
    example: '127.0.0.1',
  }),
  METRICS_TOKEN: variable(z.string().min(16, 'has fewer than 16 characters').optional(), {
    description: 'What Prometheus must send as its bearer token. Default: it needs none.',
    // Too short to be used as it stands.
    example: 'openssl rand -hex 32',
    secret: true,
  }),
};

export interface MetricsEnvironment {
  /** Undefined: this process counts nothing. 0: any free port. */
  metricsPort: number | undefined;
  metricsHost: string;
  metricsToken: string | undefined;
}

export function metricsEnvironment(v: Values<typeof metricsVariables>): MetricsEnvironment {
  return {
    metricsPort: v.METRICS_PORT,
    metricsHost: v.METRICS_HOST,
    metricsToken: v.METRICS_TOKEN,
  };
}

/** METRICS_TOKEN with its problem, when others could read the numbers without one. */
export function missingMetricsVariables(
  set: Record<string, string | undefined>,
): [name: string, problem: string][] {
  const host = set['METRICS_HOST'];
  const open = set['METRICS_PORT'] !== undefined && host !== undefined && !isLoopback(host);
  if (!open || set['METRICS_TOKEN'] !== undefined) return [];
  return [['METRICS_TOKEN', 'is not set, and METRICS_HOST is not of this machine alone']];
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === 'localhost' || host === '::1';
}
