import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Breaker } from '../../common/breaker.js';
import { deadline } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { retryDelayMs } from '../../tasks/definitions/retry-policy.js';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import { RetryableTaskError, Snooze } from '../../tasks/definitions/task-errors.js';
import { PutOffTasks } from '../../tasks/operations/put-off-tasks.js';
import { ObjectStorage, StorageError } from './object-storage.js';
import { uploadToCloudTask } from './storage.tasks.js';

// Milliseconds.
const putMs = 90_000;
const probeMs = 10_000;
/** Pause between two looks for put off tasks while the storage is well. */
const lookMs = 10_000;
/** A year: longer than any outage. */
const patienceMs = 365 * 86_400_000;

/** Objects that only show whether the storage can be written. They are deleted at once. */
export const probeFolder = 'probes/';

type Attempt = Pick<TaskContext, 'attempt' | 'signal'>;

/**
 * Storage for tasks that may wait. While it is away, nothing but a small probe asks it, every ten seconds at most. The
 * tasks are put off without holding a place in their queue, and all of them run as soon as it is back.
 *
 * Each process learns of an outage by itself. One that has not seen it wakes the tasks too, as soon as it has stored
 * something: so a restart in between does no harm.
 */
@Injectable()
export class PatientStorage implements OnModuleDestroy {
  private readonly log = new Logger('Storage');
  private readonly breaker = new Breaker(
    () => this.probe(),
    () => this.changed(),
  );
  private lookAt = 0;
  private waking: Promise<unknown> | undefined;

  constructor(
    private readonly storage: ObjectStorage,
    private readonly putOff: PutOffTasks,
  ) {}

  /** To be called before the bytes are read. @throws Snooze */
  refuseWhileAway({ attempt }: Attempt): void {
    if (!this.breaker.well) throw away(attempt);
  }

  /**
   * Stores an object within a minute and a half.
   *
   * @throws Snooze when the storage is away; RetryableTaskError when it has trouble with this object only
   */
  async put(key: string, bytes: Buffer, contentType: string, attempt: Attempt): Promise<void> {
    const end = deadline(putMs, attempt.signal);
    try {
      await this.storage.put(key, bytes, contentType, end.signal);
    } catch (error) {
      attempt.signal.throwIfAborted();
      if (!(error instanceof StorageError)) throw error;
      await this.breaker.probe();
      if (!this.breaker.well) throw away(attempt.attempt, error);
      throw new RetryableTaskError(error.code, error.message, { cause: error });
    } finally {
      end.clear();
    }
    this.breaker.succeeded();
    if (performance.now() >= this.lookAt) this.wake();
  }

  onModuleDestroy(): void {
    this.breaker.close();
  }

  /** @throws StorageError */
  private async probe(): Promise<void> {
    const key = probeFolder + randomUUID();
    const end = deadline(probeMs);
    try {
      await this.storage.put(key, Buffer.from('Can this be written?'), 'text/plain', end.signal);
    } finally {
      end.clear();
    }
    // What is left is collected at night.
    this.storage.delete(key).catch(() => {});
  }

  private changed(): void {
    if (this.breaker.well) {
      this.log.log('The object storage is back; what waits in the database is stored now.');
      this.breaker.succeeded();
      this.wake();
    } else {
      this.log.warn('The object storage is away; pictures and files wait in the database.');
    }
  }

  private wake(): void {
    this.lookAt = performance.now() + lookMs;
    this.waking ??= this.putOff
      .wake(uploadToCloudTask)
      .catch((error: unknown) => {
        this.log.debug(`Put off uploads wait for their time: ${messageOf(error)}`);
      })
      .finally(() => (this.waking = undefined));
  }
}

function away(attempt: number, cause?: StorageError): Snooze {
  return new Snooze(retryDelayMs(uploadToCloudTask.retry, attempt), {
    code: cause?.code ?? 'storage_unavailable',
    message: cause?.message ?? 'The object storage cannot be written at the moment.',
    patienceMs,
    cause,
  });
}
