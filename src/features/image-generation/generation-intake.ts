import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { UnavailableError, type AppError } from '../../common/app-error.js';
import { Gathered, GatheredByKey } from '../../common/gathered.js';
import { inRequestTime, unhurried } from '../../infrastructure/database/request-deadline.js';
import { togetherOrAlone } from '../../infrastructure/database/together-or-alone.js';
import { inTransaction } from '../../infrastructure/database/transaction.js';
import { busy } from '../credits/credit-holds.js';
import {
  GenerationStore,
  type StoredGeneration,
  type WantedGeneration,
} from './generation-store.js';
import { IdempotencyInProgressError } from './image-generation.errors.js';
import type { GenerationPayload } from './image-generation.tasks.js';

/** Requests in one transaction. */
const batchSize = 100;
/** How long the requests of a user wait for another transaction of the user. Milliseconds. */
const lockPatienceMs = 2_000;
/** After that long, a transaction is taken to hang with its connection. Milliseconds. */
const patienceMs = 3_000;

type Outcome = StoredGeneration | Error;

/**
 * Takes in generations. Those that come at the same time share a transaction. It waits for no user's account: where
 * another transaction has that, and with an Idempotency-Key, the requests of the user go together in a transaction of
 * their own, one after the other. So a user who posts a hundred at once keeps one connection busy and nobody else waiting.
 */
@Injectable()
export class GenerationIntake {
  // One transaction serves many requests, and each request has its own deadline.
  private readonly ofAll = new Gathered(
    (wanted: WantedGeneration[]) => unhurried(() => this.storeOfAll(wanted)),
    batchSize,
  );
  private readonly ofUser = new GatheredByKey(
    (wanted: WantedGeneration[]) => unhurried(() => this.storeOfUser(wanted)),
    batchSize,
    patienceMs,
  );

  constructor(
    private readonly database: DataSource,
    private readonly store: GenerationStore,
  ) {}

  /**
   * Holds the price and stores the task, both or neither; with a key, at most once.
   *
   * @throws UnsupportedRequestError, InsufficientCreditsError, QuotaExceededError; with a key also
   *   IdempotencyKeyReusedError, IdempotencyInProgressError, ForgottenTaskError
   */
  async accept(wanted: WantedGeneration): Promise<StoredGeneration> {
    const outcome = await inRequestTime(() => this.outcomeOf(wanted));
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  /** Checks against what is already known: it asks no engine and waits for none. @throws UnsupportedRequestError */
  refuseUnsupported(payload: GenerationPayload): void {
    const problem = this.store.unsupported(payload);
    if (problem) throw problem;
  }

  private async outcomeOf(wanted: WantedGeneration): Promise<Outcome> {
    // A repeated request gets its first answer, whatever the engines have now: that is looked up first.
    if (wanted.idempotencyKey === undefined) {
      const problem = this.store.unsupported(wanted.payload);
      if (problem) return problem;
      const outcome = await this.ofAll.ask(wanted);
      if (outcome !== busy) return outcome;
    }
    return this.ofUser.ask(wanted.userId, wanted);
  }

  private storeOfAll(wanted: WantedGeneration[]): Promise<(Outcome | typeof busy)[]> {
    return togetherOrAlone(wanted, (some) =>
      inTransaction(this.database, (tx) => this.store.addUnlessBusy(tx, some)),
    );
  }

  private storeOfUser(wanted: WantedGeneration[]): Promise<Outcome[]> {
    return togetherOrAlone(wanted, (some) => this.storeWaiting(some));
  }

  private storeWaiting(wanted: WantedGeneration[]): Promise<Outcome[]> {
    return inTransaction(this.database, async (tx) => {
      await tx.query(`SET LOCAL lock_timeout = ${lockPatienceMs}`);
      try {
        return await this.store.add(tx, wanted);
      } catch (error) {
        // Answered here: outside of the transaction it would be tried again, and the client would wait for longer.
        throw (error as { code?: string }).code === '55P03' ? stillStored(wanted, error) : error;
      }
    });
  }
}

function stillStored(wanted: WantedGeneration[], cause: unknown): AppError {
  return wanted.some(({ idempotencyKey }) => idempotencyKey !== undefined)
    ? new IdempotencyInProgressError()
    : new UnavailableError('Another request of yours is still being stored.', cause);
}
