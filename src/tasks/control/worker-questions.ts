import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { UnavailableError } from '../../common/app-error.js';
import { waitAtMost, within } from '../../common/deadline.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';
import type { CommandArgs, CommandData, CommandName } from './commands.js';
import {
  answerSchema,
  answersTopic,
  requestsTopic,
  type Answer,
  type Request,
} from './control-messages.js';
import { WorkersTable, type LivingWorker } from './workers-table.js';

/** Celery's default. Milliseconds. */
const defaultTimeoutMs = 1_000;
/** A worker without a heartbeat for this long is in trouble, or was killed. Milliseconds. */
const lateMs = 10_000;
/** Longest wait for the message bus itself. Milliseconds. */
const busPatienceMs = 5_000;

export interface AskOptions {
  /** Longest wait for answers, in milliseconds. Default: 1,000. */
  timeoutMs?: number;
  /** Names of the workers to ask. Default: all living workers. */
  destination?: string[];
}

export type WorkerReply<T> =
  { worker: string; ok: true; data: T } | { worker: string; ok: false; error: string };

export interface Answers<T> {
  /** Sorted by worker name. Two workers of the same name both answer. */
  replies: WorkerReply<T>[];
  /** Names of workers that did not answer in time or do not exist. */
  missing: string[];
}

interface Asked {
  /** Workers that have not answered yet, by process. */
  open: Map<string, LivingWorker>;
  replies: Answer[];
  done: () => void;
}

/** Sends one command to many workers and collects their answers. */
@Injectable()
export class WorkerQuestions {
  private readonly asker = randomUUID().replaceAll('-', '');
  private readonly asked = new Map<string, Asked>();
  private listening: Promise<unknown> | undefined;

  constructor(
    private readonly bus: MessageBus,
    private readonly table: WorkersTable,
  ) {}

  /** Resolves as soon as every worker has answered. @throws UnavailableError */
  async ask<C extends CommandName>(
    command: C,
    args: CommandArgs<C>,
    { timeoutMs = defaultTimeoutMs, destination }: AskOptions = {},
  ): Promise<Answers<CommandData[C]>> {
    const [living, now] = await Promise.all([
      this.table.living(),
      this.table.now(),
      inTime(this.listen()),
    ]);
    const meant = new Set(destination ?? living.map(nameOf));
    const asked = living.filter(({ name }) => meant.has(name));
    const open = new Map(asked.map((worker) => [worker.process, worker]));
    const id = randomUUID();
    const request: Request = {
      id,
      asker: this.asker,
      command,
      args,
      ...(destination && { destination }),
      expiresAt: now + timeoutMs,
    };
    const replies = open.size > 0 ? await this.gather(request, open, timeoutMs) : [];
    const known = new Set([...asked.map(nameOf), ...replies.map(({ worker }) => worker)]);
    const absent = [...meant].filter((name) => !known.has(name));
    return {
      replies: replies.map((answer) => replyOf<CommandData[C]>(answer)),
      missing: [...absent, ...silent(open, replies)].toSorted(),
    };
  }

  private async gather(
    request: Request,
    open: Asked['open'],
    timeoutMs: number,
  ): Promise<Answer[]> {
    const replies: Answer[] = [];
    try {
      const all = new Promise<void>((done) => this.asked.set(request.id, { open, replies, done }));
      // The time for answers starts to run before the command is published.
      const answered = waitAtMost(timeoutMs, all);
      await inTime(this.bus.publish(requestsTopic, request));
      await answered;
    } finally {
      this.asked.delete(request.id);
    }
    return replies.toSorted((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  private async listen(): Promise<void> {
    this.listening ??= this.bus.subscribe(answersTopic(this.asker), (data) => this.take(data));
    try {
      await this.listening;
    } catch (error) {
      this.listening = undefined;
      throw error;
    }
  }

  private take(data: unknown): void {
    const { data: answer } = answerSchema.safeParse(data);
    const asked = answer && this.asked.get(answer.id);
    if (!asked) return;
    asked.replies.push(answer);
    const { worker, process = processOf(worker, asked.open) } = answer;
    asked.open.delete(process);
    if (asked.open.size === 0) asked.done();
  }
}

function nameOf({ name }: { name: string }): string {
  return name;
}

/** The process of a worker whose answer does not name it. */
function processOf(worker: string, open: Asked['open']): string {
  return [...open.values()].find(({ name }) => name === worker)?.process ?? '';
}

/** Workers that have not answered, except killed ones whose name another worker has taken over. */
function silent(open: Asked['open'], replies: Answer[]): string[] {
  const answered = new Set(replies.map(({ worker }) => worker));
  return [...open.values()]
    .filter(({ name, silentMs }) => silentMs <= lateMs || !answered.has(name))
    .map(nameOf);
}

function replyOf<T>(answer: Answer): WorkerReply<T> {
  const { worker } = answer;
  // Workers of this release build answers of this type. Those of other releases may lack newer fields.
  return answer.ok
    ? { worker, ok: true, data: answer.data as T }
    : { worker, ok: false, error: answer.error };
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  try {
    return await within(busPatienceMs, work);
  } catch (error) {
    throw new UnavailableError('The workers cannot be asked: the queue does not answer.', error);
  }
}
