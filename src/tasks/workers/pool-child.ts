import { fork, type ChildProcess } from 'node:child_process';
import { messageOf } from '../../common/message-of.js';
import type { Settings } from '../../config/config.module.js';
import type { ClaimedTask } from '../ledger-rows.js';
import { packReason } from './abort-reasons.js';
import type { ChildAnswer, ChildMessage, ParentMessage } from './child-messages.js';
import type { ChildStats } from './task-pool.js';

/** Longest start; a child waits for its database up to a minute. Milliseconds. */
const startMs = 90_000;
/** Longest orderly end. Milliseconds. */
const endMs = 5_000;
/** Between another signal and SIGKILL. Milliseconds. */
const lastSignalMs = 1_000;

/** A child ended, or said no, before it could take a task. */
export class ChildStartError extends Error {
  override readonly name = 'ChildStartError';
}

export interface ChildBoot {
  settings: Settings;
  /** Name of the worker it belongs to. */
  worker: string;
}

/** How a task left its child: answered, or with the child. */
export type RunEnd = ChildAnswer | { kind: 'ended'; how: string };

/** One child process, seen from its parent. Runs one task at a time. */
export class PoolChild {
  private readonly process: ChildProcess;
  private started: (refusal: string | null) => void = () => {};
  private answer: (end: RunEnd) => void = () => {};
  private how: string | undefined;
  private tasks = 0;
  private rss: number | null = null;
  private task: ClaimedTask | undefined;
  /** It takes no more tasks. */
  ending = false;
  /** Resolves with how: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** Rejects with {@link ChildStartError}. */
  readonly ready: Promise<void>;

  constructor({ settings, worker }: ChildBoot) {
    this.process = fork(settings.childProgram, [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      // A group of its own: Ctrl-C in a terminal is for the parent, which lets tasks end first.
      detached: true,
    });
    this.ended = new Promise((resolve) => {
      this.process.on('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      this.process.on('error', (error) => {
        if (this.process.pid === undefined) resolve(messageOf(error));
      });
    });
    void this.ended.then((how) => {
      this.how = how;
      this.answer({ kind: 'ended', how });
    });
    this.ready = this.becomesReady();
    this.process.on('message', (message) => this.hear(message as ChildMessage));
    // A child that cannot be talked to is of no use.
    this.process.on('disconnect', () => this.kill('SIGKILL'));
    this.say({ kind: 'boot', settings, worker, parent: process.pid });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  stats(): ChildStats {
    return { pid: this.pid, tasks: this.tasks, rss: this.rss, busy: this.task?.id ?? null };
  }

  /** @returns its answer; or how it ended, without one */
  async run(task: ClaimedTask): Promise<RunEnd> {
    if (this.how !== undefined) return { kind: 'ended', how: this.how };
    this.task = task;
    this.tasks += 1;
    const answered = new Promise<RunEnd>((resolve) => (this.answer = resolve));
    this.say({ kind: 'run', task });
    const end = await answered;
    this.task = undefined;
    return end;
  }

  /** Fires the signal of the handler it runs. */
  abort({ id, attempt }: ClaimedTask, reason: Error): void {
    this.say({ kind: 'abort', taskId: id, attempt, reason: packReason(reason) });
  }

  /** Sends the signal; SIGKILL a second later, if it was another one. */
  kill(signal: NodeJS.Signals): void {
    this.ending = true;
    this.process.kill(signal);
    if (signal !== 'SIGKILL') this.killAfter(lastSignalMs);
  }

  /** Lets it close in order; resolves when it is gone. */
  async end(): Promise<void> {
    if (!this.ending) {
      this.ending = true;
      this.say({ kind: 'end' });
      this.killAfter(endMs);
    }
    await this.ended;
  }

  private killAfter(ms: number): void {
    const timer = setTimeout(() => this.process.kill('SIGKILL'), ms);
    void this.ended.then(() => clearTimeout(timer));
  }

  private async becomesReady(): Promise<void> {
    const timer = setTimeout(() => this.process.kill('SIGKILL'), startMs);
    const refusal = await Promise.race([
      new Promise<string | null>((resolve) => (this.started = resolve)),
      this.ended.then((how) => `It ended before it was ready (${how}).`),
    ]);
    clearTimeout(timer);
    if (refusal !== null) throw new ChildStartError(refusal);
  }

  private hear(message: ChildMessage): void {
    switch (message.kind) {
      case 'ready':
        return this.started(null);
      case 'not_started':
        return this.started(message.message);
      case 'done':
      case 'error':
        this.rss = message.rss;
        return this.answer(message);
    }
  }

  /** A closed channel is no error here: the end of the process tells all. */
  private say(message: ParentMessage): void {
    if (this.process.connected) this.process.send(message, () => {});
  }
}
