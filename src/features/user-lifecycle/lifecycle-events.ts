import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../../infrastructure/database/transaction.js';
import { EventStore } from '../pipelines/event-store.js';
import { userLifecycleEvent, type Lifecycle } from './user-lifecycle.event.js';

/** Before what users send: somebody may wait for the mail. */
const priority = 1;

/** Tells the pipeline of the lifecycle what happens to users. */
@Injectable()
export class LifecycleEvents {
  constructor(private readonly events: EventStore) {}

  /**
   * Stores an event in the transaction of what it tells of. The mails and webhooks that follow have keys of their own, so
   * telling it twice changes nothing for the user.
   *
   * @param userId null: there is no user yet
   */
  async add(tx: Transaction, userId: string | null, data: Lifecycle): Promise<void> {
    const { type } = userLifecycleEvent;
    await this.events.add(tx, [
      {
        id: uuidv7(),
        runId: uuidv7(),
        type,
        pipeline: type,
        producerId: null,
        data,
        ownerId: userId,
        sourceId: null,
        correlationId: null,
        priority,
      },
    ]);
  }
}
