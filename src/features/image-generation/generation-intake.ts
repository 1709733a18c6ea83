import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Gathered } from '../../common/gathered.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { inRequestTime, unhurried } from '../../infrastructure/database/request-deadline.js';
import { togetherOrAlone } from '../../infrastructure/database/together-or-alone.js';
import { inTransaction, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { CreditHolds, type Charge } from '../credits/credit-holds.js';
import { priceOf, type Price, type Work } from '../credits/price.js';
import { cappedPriority, priorityNumber, type PriorityName } from './generation-priority.js';
import type { GenerationRequest } from './image-generation.dto.js';
import { generateImageTask, type GenerationPayload } from './image-generation.tasks.js';

/** A generation that a user asks for. */
export interface WantedGeneration {
  /** Of the task to be. */
  id: string;
  userId: string;
  correlationId?: string;
  request: GenerationRequest;
  payload: GenerationPayload;
}

export interface StoredGeneration {
  id: string;
  seed: number;
  priority: PriorityName;
}

/** Requests in one transaction. */
const batchSize = 100;

/** Stores generations, each with the hold of its price. */
@Injectable()
export class GenerationIntake {
  private readonly wanted = new Gathered(
    // One transaction serves many requests, and each request has its own deadline.
    (all: WantedGeneration[]) => unhurried(() => this.acceptEach(all)),
    batchSize,
  );

  constructor(
    private readonly database: DataSource,
    private readonly holds: CreditHolds,
    private readonly tasks: TaskClient,
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'pricePerImage' | 'pricePixelSteps'>,
  ) {}

  priceOf(work: Work): Price {
    return priceOf(work, this.settings);
  }

  /**
   * Stores one in a transaction that it shares with others that come at the same time.
   *
   * @throws InsufficientCreditsError, QuotaExceededError and nothing is stored
   */
  async accept(wanted: WantedGeneration): Promise<StoredGeneration> {
    return stored(await inRequestTime(() => this.wanted.ask(wanted)));
  }

  /** Stores one in the caller's transaction. @throws as {@link accept} */
  async acceptIn(tx: Transaction, wanted: WantedGeneration): Promise<StoredGeneration> {
    const [outcome] = await this.acceptAll(tx, [wanted]);
    return stored(outcome!);
  }

  private acceptEach(wanted: WantedGeneration[]): Promise<(StoredGeneration | Error)[]> {
    return togetherOrAlone(wanted, (some) =>
      inTransaction(this.database, (tx) => this.acceptAll(tx, some)),
    );
  }

  private async acceptAll(
    tx: Transaction,
    wanted: WantedGeneration[],
  ): Promise<(StoredGeneration | Error)[]> {
    const admissions = await this.holds.hold(
      tx,
      wanted.map((one) => this.chargeOf(one)),
    );
    const outcomes = wanted.map((one, i) => {
      const admission = admissions[i]!;
      if (admission.refusal) return admission.refusal;
      const priority = cappedPriority(one.request.priority, admission.plan.priority);
      return { id: one.id, seed: one.payload.seed, priority };
    });
    const sends = wanted.flatMap((one, i) => {
      const outcome = outcomes[i]!;
      return outcome instanceof Error ? [] : [sendOf(one, outcome)];
    });
    await this.tasks.sendMany(tx, generateImageTask, sends);
    return outcomes;
  }

  private chargeOf({ id, userId, request }: WantedGeneration): Charge {
    const { images, perImage } = this.priceOf(request);
    return { taskId: id, userId, images, perImage };
  }
}

function sendOf(
  { id, userId, correlationId, request, payload }: WantedGeneration,
  { priority }: StoredGeneration,
) {
  return {
    payload,
    options: {
      id,
      ownerId: userId,
      priority: priorityNumber(priority),
      ...(correlationId !== undefined && { correlationId }),
      ...(request.expires_in !== undefined && { expiresInMs: request.expires_in * 1000 }),
    },
  };
}

function stored(outcome: StoredGeneration | Error): StoredGeneration {
  if (outcome instanceof Error) throw outcome;
  return outcome;
}
