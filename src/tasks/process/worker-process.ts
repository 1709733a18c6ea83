import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { thisProcess } from './process-identity.js';

/** Where handlers run: in this process, or in child processes. */
export type PoolKind = 'inline' | 'processes';

/** The identity of this process as a worker: its name, and how it is asked to stop. */
@Injectable()
export class WorkerProcess {
  readonly host = hostname();
  readonly startedAt = new Date();
  /** Unique, even among workers of the same name. */
  readonly identity = `${thisProcess}|${randomUUID()}`;
  /** `<host>:<pid>`, until `TaskWorkers.start` names another. */
  name = `${this.host}:${process.pid}`;
  readonly pool: PoolKind;
  /** The worker is draining: further requests to stop are ignored, and no queue can be added. */
  stopping = false;
  private onShutdown: (() => void) | undefined;

  constructor(@Inject(SETTINGS) settings: Settings) {
    this.pool = settings.workerPool;
  }

  /** Sets what a remote `shutdown` does. Without it, the command is refused. */
  onShutdownRequested(callback: () => void): void {
    this.onShutdown = callback;
  }

  get canBeShutDown(): boolean {
    return this.onShutdown !== undefined;
  }

  /** Asks this worker to stop. While it is stopping already, nothing happens. */
  requestShutdown(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.onShutdown?.();
  }
}

/** The name has an unknown placeholder, or is empty or too long. */
export class WorkerNameError extends Error {
  override readonly name = 'WorkerNameError';
}

/**
 * Fills in Celery's placeholders: `%h` the host name, `%n` its part before the first dot, `%d` the rest,
 * `%%` a percent sign.
 *
 * @throws WorkerNameError
 */
export function workerNameOf(pattern: string, host: string): string {
  const [short = '', ...domain] = host.split('.');
  const values: Record<string, string> = { h: host, n: short, d: domain.join('.'), '%': '%' };
  const name = pattern.replaceAll(/%(.?)/g, (whole, letter: string) => {
    const value = values[letter];
    if (value !== undefined) return value;
    throw new WorkerNameError(
      `"${whole}" in the worker name "${pattern}" stands for nothing. Known: %h (host name), %n (its first part), %d (its domain), %% (a %).`,
    );
  });
  if (name.trim() === '' || name.length > 200) {
    throw new WorkerNameError(`The worker name "${pattern}" is empty or above 200 characters.`);
  }
  return name;
}
