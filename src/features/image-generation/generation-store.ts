import { Inject, Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { AppError } from '../../common/app-error.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import type { Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskState } from '../../tasks/definitions/task-state.js';
import { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { busy, CreditHolds, type Admission, type Charge } from '../credits/credit-holds.js';
import { priceOf, type Price, type Work } from '../credits/price.js';
import { EnginePool } from './engine-pool.js';
import { engineRequest } from './engine-request.js';
import {
  cappedPriority,
  priorityNumber,
  priorityOf,
  type PriorityName,
} from './generation-priority.js';
import { claimIdempotencyKeys, freeIdempotencyKeys } from './idempotency.js';
import type { GenerationRequest } from './image-generation.dto.js';
import { ForgottenTaskError, UnsupportedRequestError } from './image-generation.errors.js';
import { generateImageTask, type GenerationPayload } from './image-generation.tasks.js';

/** A generation that a user asks for. */
export interface WantedGeneration {
  /** Of the task to be. */
  id: string;
  userId: string;
  correlationId?: string;
  /** Of the task that waits for it. */
  waiterId?: string;
  idempotencyKey?: string;
  request: GenerationRequest;
  payload: GenerationPayload;
}

export interface StoredGeneration {
  id: string;
  status: TaskState;
  seed: number;
  priority: PriorityName;
  /** Of a new one: how many generations of the user may run at once. Absent: any number. */
  ownerLimit?: number;
}

type Outcome = StoredGeneration | Error;

/** Stores generations, each with the hold of its price. */
@Injectable()
export class GenerationStore {
  constructor(
    private readonly holds: CreditHolds,
    private readonly tasks: TaskClient,
    private readonly engines: EnginePool,
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'pricePerImage' | 'pricePixelSteps'>,
  ) {}

  priceOf(work: Work): Price {
    return priceOf(work, this.settings);
  }

  /** Why no engine can make it, as far as is already known: it asks no engine and waits for none. */
  unsupported(payload: GenerationPayload): UnsupportedRequestError | undefined {
    const problems = this.engines.unsupported(engineRequest(payload));
    return problems.length > 0 ? new UnsupportedRequestError(problems) : undefined;
  }

  /** Stores what has no Idempotency-Key. @returns in order; `busy`: nothing was stored, as the account is locked */
  async addUnlessBusy(
    tx: Transaction,
    wanted: WantedGeneration[],
  ): Promise<(Outcome | typeof busy)[]> {
    const admissions = await this.holds.holdUnlessBusy(tx, this.chargesOf(wanted));
    const outcomes = wanted.map((one, i) => {
      const admission = admissions[i]!;
      return admission === busy ? busy : outcomeOf(one, admission);
    });
    await this.send(tx, wanted, outcomes);
    return outcomes;
  }

  /**
   * Stores generations, and waits for the accounts. A key that has a task already gives that; of the others those that no
   * engine can make are refused.
   *
   * @returns in order
   */
  async add(tx: Transaction, wanted: WantedGeneration[]): Promise<Outcome[]> {
    const holders = await this.claimKeys(tx, wanted);
    const own = wanted.filter((one) => holders.get(one) === one.id);
    const problems = new Map<WantedGeneration, Outcome>();
    for (const one of own) {
      const problem = this.unsupported(one.payload);
      if (problem) problems.set(one, problem);
    }
    const payable = own.filter((one) => !problems.has(one));
    const admissions = await this.holds.hold(tx, this.chargesOf(payable));
    const stored = payable.map((one, i) => outcomeOf(one, admissions[i]!));
    await this.send(tx, payable, stored);
    const outcomes = new Map([
      ...problems,
      ...payable.map((one, i): [WantedGeneration, Outcome] => [one, stored[i]!]),
    ]);
    await this.freeKeys(
      tx,
      own.filter((one) => outcomes.get(one) instanceof Error),
    );
    return this.withEarlier(tx, wanted, holders, outcomes);
  }

  /** @returns for each request the id of the task that has its key: its own when it is new or has no key; or an error */
  private async claimKeys(tx: Transaction, wanted: WantedGeneration[]) {
    const keyed = wanted.filter((one) => one.idempotencyKey !== undefined);
    const claims =
      keyed.length === 0 ? [] : await claimIdempotencyKeys(tx, keyed.map(keyedRequestOf));
    const claimed = new Map(keyed.map((one, i) => [one, claims[i]!]));
    return new Map(wanted.map((one) => [one, claimed.get(one) ?? one.id]));
  }

  private async freeKeys(tx: Transaction, refused: WantedGeneration[]): Promise<void> {
    const keyed = refused.filter((one) => one.idempotencyKey !== undefined);
    if (keyed.length > 0) await freeIdempotencyKeys(tx, keyed.map(keyedRequestOf));
  }

  /** Adds the outcomes of requests whose key has the task of another one, which may be in the same transaction. */
  private async withEarlier(
    tx: Transaction,
    wanted: WantedGeneration[],
    holders: Map<WantedGeneration, string | AppError>,
    outcomes: Map<WantedGeneration, Outcome>,
  ): Promise<Outcome[]> {
    const byId = new Map([...outcomes].map(([one, outcome]) => [one.id, outcome]));
    const ids = [...holders.values()].filter((id) => typeof id === 'string' && !byId.has(id));
    const earlier = ids.length === 0 ? [] : await tx.findBy(TaskEntity, { id: In(ids) });
    for (const task of earlier) byId.set(task.id, storedBefore(task));
    return wanted.map((one) => {
      const holder = holders.get(one)!;
      if (typeof holder !== 'string') return holder;
      return byId.get(holder) ?? new ForgottenTaskError();
    });
  }

  private chargesOf(wanted: WantedGeneration[]): Charge[] {
    return wanted.map(({ id, userId, request }) => {
      const { images, perImage } = this.priceOf(request);
      return { taskId: id, userId, images, perImage };
    });
  }

  private async send(
    tx: Transaction,
    wanted: WantedGeneration[],
    outcomes: (Outcome | typeof busy)[],
  ): Promise<void> {
    const sends = wanted.flatMap((one, i) => {
      const outcome = outcomes[i]!;
      return outcome === busy || outcome instanceof Error ? [] : [sendOf(one, outcome)];
    });
    await this.tasks.sendMany(tx, generateImageTask, sends);
  }
}

function outcomeOf({ id, request, payload }: WantedGeneration, admission: Admission): Outcome {
  if (admission.refusal) return admission.refusal;
  const { running, priority: highest } = admission.plan;
  const priority = cappedPriority(request.priority, highest);
  const ownerLimit = running === null ? {} : { ownerLimit: running };
  return { id, status: 'PENDING', seed: payload.seed, priority, ...ownerLimit };
}

function storedBefore({ id, state, payload, priority }: TaskEntity): StoredGeneration {
  const { seed } = payload as GenerationPayload;
  return { id, status: state, seed, priority: priorityOf(priority) };
}

function keyedRequestOf({ id, userId, idempotencyKey, request }: WantedGeneration) {
  return { owner: userId, key: idempotencyKey!, request, taskId: id };
}

function sendOf(
  { id, userId, correlationId, waiterId, request, payload }: WantedGeneration,
  { priority, ownerLimit }: StoredGeneration,
) {
  return {
    payload,
    options: {
      id,
      ownerId: userId,
      priority: priorityNumber(priority),
      ...(ownerLimit !== undefined && { ownerLimit }),
      ...(correlationId !== undefined && { correlationId }),
      ...(waiterId !== undefined && { waiterId }),
      ...(request.expires_in !== undefined && { expiresInMs: request.expires_in * 1000 }),
    },
  };
}
