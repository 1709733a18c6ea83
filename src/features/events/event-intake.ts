import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Gathered } from '../../common/gathered.js';
import { inRequestTime, unhurried } from '../../infrastructure/database/request-deadline.js';
import { togetherOrAlone } from '../../infrastructure/database/together-or-alone.js';
import { inTransaction } from '../../infrastructure/database/transaction.js';
import type { FieldError } from '../../common/app-error.js';
import { fieldErrors } from '../../infrastructure/http/validation.js';
import { PipelineRegistry } from '../pipelines/pipeline-registry.js';
import { EventStore, type StoredEvent, type WantedEvent } from '../pipelines/event-store.js';
import type { NewEvent } from './events.dto.js';
import { EventIdReusedError, InvalidEventsError, unknownType } from './events.errors.js';
import { OpenEvents } from './open-events.js';

/** Who sends events. */
export interface EventSender {
  ownerId: string;
  /** The service that has signed them; absent: the user. */
  sourceId?: string;
  correlationId?: string;
}

/** Requests in one transaction. */
const batchSize = 100;

/** Takes in events: checks them by their types, and stores each with the task that processes it, both or neither. */
@Injectable()
export class EventIntake {
  private readonly gathered = new Gathered(
    (wanted: WantedEvent[]) => unhurried(() => this.store(wanted)),
    batchSize,
  );

  constructor(
    private readonly database: DataSource,
    private readonly events: EventStore,
    private readonly open: OpenEvents,
  ) {}

  /** Events that come at the same time share a transaction. @throws InvalidEventsError, EventIdReusedError, TooManyOpenEventsError */
  async accept(event: NewEvent, sender: EventSender): Promise<StoredEvent> {
    const [wanted] = wantedOf([event], sender, () => '');
    await this.open.admit(sender.ownerId, 1);
    const stored = await inRequestTime(() => this.gathered.ask(wanted!));
    if (stored instanceof Error) throw stored;
    if (stored.reused) throw new EventIdReusedError(['id']);
    return stored;
  }

  /** All of them or none, in one transaction. @returns in order @throws as {@link accept} */
  async acceptAll(events: NewEvent[], sender: EventSender): Promise<StoredEvent[]> {
    const wanted = wantedOf(events, sender, (n) => `events.${n}.`);
    await this.open.admit(sender.ownerId, wanted.length);
    return inTransaction(this.database, async (tx) => {
      const stored = await this.events.add(tx, wanted);
      const reused = stored.flatMap((one, n) => (one.reused ? [`events.${n}.id`] : []));
      if (reused.length > 0) throw new EventIdReusedError(reused.slice(0, 50));
      return stored;
    });
  }

  private store(wanted: WantedEvent[]): Promise<(StoredEvent | Error)[]> {
    return togetherOrAlone(wanted, (some) =>
      inTransaction(this.database, (tx) => this.events.add(tx, some)),
    );
  }
}

/** Ids are made here, outside of all that may be repeated. @throws InvalidEventsError */
function wantedOf(
  events: NewEvent[],
  { ownerId, sourceId, correlationId }: EventSender,
  prefixOf: (n: number) => string,
): WantedEvent[] {
  const problems: FieldError[] = [];
  const wanted = events.flatMap((event, n): WantedEvent[] => {
    const found = problemsOf(event, prefixOf(n));
    problems.push(...found);
    if (found.length > 0) return [];
    return [
      {
        id: uuidv7(),
        runId: uuidv7(),
        type: event.type,
        pipeline: PipelineRegistry.getPipeline(event.type)!.name,
        producerId: event.id ?? null,
        data: event.data,
        ownerId,
        sourceId: sourceId ?? null,
        correlationId: correlationId ?? null,
      },
    ];
  });
  if (problems.length > 0) throw new InvalidEventsError(problems.slice(0, 50));
  return wanted;
}

function problemsOf(event: NewEvent, prefix: string): FieldError[] {
  const pipeline = PipelineRegistry.getPipeline(event.type);
  if (pipeline?.event.from !== 'anyone') return [unknownType(`${prefix}type`)];
  const read = pipeline.event.data.safeParse(event.data);
  if (read.success) return [];
  return fieldErrors(read.error.issues).map(({ path, message }) => ({
    path: `${prefix}data${path === '' ? '' : `.${path}`}`,
    message,
  }));
}
