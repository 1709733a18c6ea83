import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { z } from 'zod';
import { AppError } from '../../common/app-error.js';
import { messageOf } from '../../common/message-of.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';
import { WorkerProcess } from '../process/worker-process.js';
import { CommandRefused, commands, type CommandName } from './commands.js';
import { ControlCommands } from './control-commands.js';
import {
  answersTopic,
  requestSchema,
  requestsTopic,
  type Answer,
  type Request,
} from './control-messages.js';
import { InspectCommands } from './inspect-commands.js';
import { WorkerPresence } from './worker-presence.js';

/** Pause before a failed subscription is tried again. Milliseconds. */
const againMs = 1_000;

/** Receives commands from the message bus and answers each one, with data or with an error. */
@Injectable()
export class CommandListener {
  private readonly log = new Logger('Control');
  private readonly handlers: Record<CommandName, (args: never) => unknown>;
  private unsubscribe: (() => Promise<void>) | undefined;
  private stopped = false;

  constructor(
    private readonly bus: MessageBus,
    private readonly process: WorkerProcess,
    private readonly presence: WorkerPresence,
    inspect: InspectCommands,
    control: ControlCommands,
  ) {
    this.handlers = { ...inspect.handlers, ...control.handlers };
  }

  /** Resolves once commands can arrive. Keeps trying until the store is available. */
  async start(): Promise<void> {
    while (!this.stopped && !this.unsubscribe) {
      try {
        this.unsubscribe = await this.bus.subscribe(requestsTopic, (data) => void this.take(data));
      } catch (error) {
        this.log.debug(messageOf(error));
        await delay(againMs, undefined, { ref: false });
      }
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.unsubscribe?.();
  }

  private async take(data: unknown): Promise<void> {
    const { data: request } = requestSchema.safeParse(data);
    if (!request || !this.isMeant(request)) return;
    const answer = await this.answer(request);
    try {
      await this.bus.publish(answersTopic(request.asker), answer);
    } catch (error) {
      this.log.debug(`No answer to ${request.command}: ${messageOf(error)}`);
    }
    // After the answer, so that the asker receives it.
    if (request.command === 'shutdown' && answer.ok) {
      this.log.log('Asked to stop by remote control');
      this.process.requestShutdown();
    }
  }

  private isMeant({ destination, expiresAt }: Request): boolean {
    if (destination && !destination.includes(this.process.name)) return false;
    // A process that was frozen for a while also reads commands whose asker has stopped waiting.
    const now = this.presence.databaseNow();
    return now === undefined || now <= expiresAt;
  }

  private async answer({ id, command, args }: Request): Promise<Answer> {
    const { name: worker, identity: process } = this.process;
    try {
      return { id, worker, process, ok: true, data: await this.run(command, args) };
    } catch (error) {
      return { id, worker, process, ok: false, error: this.sentenceOf(command, error) };
    }
  }

  private async run(command: string, args: unknown): Promise<unknown> {
    if (!Object.hasOwn(commands, command)) {
      throw new CommandRefused(
        `This worker does not know the command "${command}". It may run an older release.`,
      );
    }
    const name = command as CommandName;
    const parsed = commands[name].safeParse(args);
    if (!parsed.success) {
      throw new CommandRefused(`Arguments of ${command}: ${z.prettifyError(parsed.error)}`);
    }
    return this.handlers[name](parsed.data as never);
  }

  private sentenceOf(command: string, error: unknown): string {
    if (error instanceof CommandRefused || error instanceof AppError) return error.message;
    this.log.error(`${command}: ${messageOf(error)}`);
    return `${command} failed; the log of this worker says why.`;
  }
}
