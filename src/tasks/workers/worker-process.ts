import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';

/** Where handlers run: in this process, or in child processes. */
export type PoolKind = 'inline' | 'processes';

/** This process as others know it: its name, and how it is asked to end. */
@Injectable()
export class WorkerProcess {
  readonly host = hostname();
  readonly startedAt = new Date();
  /** Unique among workers: `<host>:<pid>`, until `TaskWorkers.start` names another. */
  name = `${this.host}:${process.pid}`;
  readonly pool: PoolKind;
  /** It drains: no second request to stop counts, and no queue is added. */
  stopping = false;
  private onShutdown: (() => void) | undefined;

  constructor(@Inject(SETTINGS) settings: Settings) {
    this.pool = settings.workerPool;
  }

  /** What a remote `shutdown` does here; without it, one is refused. */
  onShutdownRequested(callback: () => void): void {
    this.onShutdown = callback;
  }

  get canBeShutDown(): boolean {
    return this.onShutdown !== undefined;
  }

  /** Once: asked again, or while it stops already, nothing happens. */
  requestShutdown(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.onShutdown?.();
  }
}

/** The name holds a % that stands for nothing. */
export class WorkerNameError extends Error {
  override readonly name = 'WorkerNameError';
}

/**
 * Celery's placeholders: `%h` host name, `%n` host name up to its first dot, `%d` the rest of it, `%%` a %.
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
