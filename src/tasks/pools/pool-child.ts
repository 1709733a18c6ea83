import { fork, type ChildProcess } from 'node:child_process';
import { waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import type { Settings } from '../../config/config.module.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import type { ChildStats } from './task-pool.js';
import type { LimitChange } from '../running/time-limits.js';
import type { HearNews } from './task-pool.js';
import { packReason } from './abort-reasons.js';
import type { ChildAnswer, ChildMessage, ParentMessage } from './child-messages.js';

/** Longest start of a child, which waits up to a minute for its database. Milliseconds. */
const startMs = 90_000;
/** Longest clean end of a child; then it is killed. Milliseconds. */
const endMs = 5_000;
/** Pause between another signal and SIGKILL. Milliseconds. */
const lastSignalMs = 1_000;

/** A child ended or reported an error before it could take a task. */
export class ChildStartError extends Error {
  override readonly name = 'ChildStartError';
}

export interface ChildBoot {
  settings: Settings;
  /** Name of the worker it belongs to. */
  worker: string;
}

/** How a run in a child ended: with an answer, or because the child itself ended. */
export type RunEnd = ChildAnswer | { kind: 'ended'; how: string };

/** One child process, seen from its parent. Runs one task at a time. */
export class PoolChild {
  private readonly process: ChildProcess;
  private started: (refusal: string | null) => void = () => {};
  private answer: (end: RunEnd) => void = () => {};
  private changed: (change: LimitChange) => void = () => {};
  private clear: () => void = () => {};
  private how: string | undefined;
  private tasks = 0;
  private rss: number | null = null;
  private task: ClaimedTask | undefined;
  /** The child takes no more tasks. */
  ending = false;
  /** Resolves when the process has ended, with the cause: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** Resolves when what the last task has left behind is over, or unknown because the process has ended. */
  cleared: Promise<void> = Promise.resolve();
  /** Resolves when the child can take tasks. Rejects with {@link ChildStartError}. */
  readonly ready: Promise<void>;

  constructor(
    { settings, worker }: ChildBoot,
    private readonly news: HearNews,
  ) {
    this.process = fork(settings.childProgram, [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      // In its own process group, so that Ctrl-C reaches only the parent, which lets tasks end first.
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
      this.clear();
    });
    this.ready = this.becomesReady();
    this.process.on('message', (message) => this.hear(message as ChildMessage));
    // A child that cannot receive messages is useless.
    this.process.on('disconnect', () => this.kill('SIGKILL'));
    this.say({ kind: 'boot', settings, worker, parent: process.pid });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  stats(): ChildStats {
    return { pid: this.pid, tasks: this.tasks, rss: this.rss, busy: this.task?.id ?? null };
  }

  /**
   * Runs one task.
   *
   * @param changed called when the handler pauses or restarts its time limits
   * @returns the child's answer, or how the child ended without one
   */
  async run(task: ClaimedTask, changed: (change: LimitChange) => void): Promise<RunEnd> {
    if (this.how !== undefined) return { kind: 'ended', how: this.how };
    this.task = task;
    this.changed = changed;
    this.tasks += 1;
    const answered = new Promise<RunEnd>((resolve) => (this.answer = resolve));
    this.say({ kind: 'run', task });
    const end = await answered;
    this.task = undefined;
    return end;
  }

  /** Aborts the handler that runs this attempt. */
  abort({ id, attempt }: ClaimedTask, reason: Error): void {
    this.say({ kind: 'abort', taskId: id, attempt, reason: packReason(reason) });
  }

  /** Sends the signal. If it is not SIGKILL, that follows a second later. */
  kill(signal: NodeJS.Signals): void {
    this.ending = true;
    this.process.kill(signal);
    if (signal !== 'SIGKILL') void this.killAfter(lastSignalMs);
  }

  /** Asks the child to close cleanly. Resolves when its process has ended. */
  async end(): Promise<void> {
    if (!this.ending) {
      this.ending = true;
      this.say({ kind: 'end' });
      void this.killAfter(endMs);
    }
    await this.ended;
  }

  private async killAfter(ms: number): Promise<void> {
    if (!(await waitAtMost(ms, this.ended))) this.process.kill('SIGKILL');
  }

  private async becomesReady(): Promise<void> {
    const started = new Promise<string | null>((resolve) => {
      this.started = resolve;
      void this.ended.then((how) => resolve(`It ended before it was ready (${how}).`));
    });
    if (!(await waitAtMost(startMs, started))) this.process.kill('SIGKILL');
    const refusal = await started;
    if (refusal !== null) throw new ChildStartError(refusal);
  }

  private hear(message: ChildMessage): void {
    switch (message.kind) {
      case 'ready':
        return this.started(null);
      case 'not_started':
        return this.started(message.message);
      case 'limits':
        return this.changed(message.change);
      case 'done':
      case 'error':
        this.rss = message.rss;
        if (message.leftBehind) this.cleared = new Promise((resolve) => (this.clear = resolve));
        return this.answer(message);
      case 'news':
        return this.news(message.topic, message.news);
      case 'cleared':
        return this.clear();
    }
  }

  /** A closed channel is not an error here: the end of the process is handled elsewhere. */
  private say(message: ParentMessage): void {
    if (this.process.connected) this.process.send(message, () => {});
  }
}
