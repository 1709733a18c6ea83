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
import { WorkersTable } from './workers-table.js';

/** Celery's. Milliseconds. */
const defaultTimeoutMs = 1_000;
/** Longest wait for the message bus itself. Milliseconds. */
const busPatienceMs = 5_000;

export interface AskOptions {
  /** Longest wait for answers, milliseconds. Default 1,000. */
  timeoutMs?: number;
  /** Names of the workers to ask. Default: all that are alive. */
  destination?: string[];
}

export type WorkerReply<T> =
  { worker: string; ok: true; data: T } | { worker: string; ok: false; error: string };

export interface Answers<T> {
  /** By the worker's name. */
  replies: WorkerReply<T>[];
  /** Workers that did not answer in time, or do not exist. */
  missing: string[];
}

interface Asked {
  /** Workers that have not answered. */
  open: Set<string>;
  replies: Map<string, Answer>;
  done: () => void;
}

/** Puts one question to many workers and gathers what they answer. */
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
    const names = living.map(({ name }) => name);
    const meant = new Set(destination ?? names);
    const open = new Set(names.filter((name) => meant.has(name)));
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
    const answered = new Set(replies.map(({ worker }) => worker));
    return {
      replies: replies.map((answer) => replyOf<CommandData[C]>(answer)),
      missing: [...meant].filter((name) => !answered.has(name)).toSorted(),
    };
  }

  private async gather(request: Request, open: Set<string>, timeoutMs: number): Promise<Answer[]> {
    const replies = new Map<string, Answer>();
    try {
      const all = new Promise<void>((done) => this.asked.set(request.id, { open, replies, done }));
      // The time for answers begins before the question is on its way.
      const answered = waitAtMost(timeoutMs, all);
      await inTime(this.bus.publish(requestsTopic, request));
      await answered;
    } finally {
      this.asked.delete(request.id);
    }
    return [...replies.values()].toSorted((a, b) => (a.worker < b.worker ? -1 : 1));
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
    asked.replies.set(answer.worker, answer);
    asked.open.delete(answer.worker);
    if (asked.open.size === 0) asked.done();
  }
}

function replyOf<T>(answer: Answer): WorkerReply<T> {
  const { worker } = answer;
  // A worker of this release has built it to the type; one of another may differ in what was added.
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
