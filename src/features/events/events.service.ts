import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { EventIntake } from './event-intake.js';
import { EventReader } from './event-reader.js';
import type { EventRow } from './event-rows.js';
import {
  eventListOf,
  shownEventOf,
  type AcceptedEvent,
  type AcceptedEvents,
  type EventList,
  type ListQuery,
  type NewEvent,
  type NewEvents,
  type ReprocessAnswer,
  type ReprocessRequest,
  type ShownEvent,
} from './events.dto.js';
import { EventOpenError } from './events.errors.js';
import { Reprocessing } from './reprocessing.js';

/** What users do with their events, and admins with everybody's. */
@Injectable()
export class EventsService {
  constructor(
    private readonly intake: EventIntake,
    private readonly reader: EventReader,
    private readonly reprocessing: Reprocessing,
    private readonly audit: AuditLog,
  ) {}

  /** @throws as {@link EventIntake.accept} */
  async accept(user: RequestUser, event: NewEvent, correlationId: string): Promise<AcceptedEvent> {
    return acceptedOf(await this.intake.accept(event, { ownerId: user.id, correlationId }));
  }

  /** @throws as {@link EventIntake.accept} */
  async acceptAll(
    user: RequestUser,
    { events }: NewEvents,
    correlationId: string,
  ): Promise<AcceptedEvents> {
    const stored = await this.intake.acceptAll(events, { ownerId: user.id, correlationId });
    return {
      message: `${stored.length} events accepted.`,
      events: stored.map(({ id, runId }) => ({ event_id: id, task_id: runId })),
    };
  }

  async list(user: RequestUser, query: ListQuery): Promise<EventList> {
    return eventListOf(await this.reader.list(user.id, query), query.limit);
  }

  /** @throws NotFoundError */
  async read(user: RequestUser, id: string): Promise<ShownEvent> {
    const event = await this.find(user, id);
    if (event.ownerId !== user.id) this.audit.reads(user, { action: 'event.read', target: id });
    const found = await this.reader.find(event);
    if (!found) throw new NotFoundError('event');
    return shownEventOf(found);
  }

  /** @throws NotFoundError, EventOpenError */
  async reprocess(user: RequestUser, id: string, correlationId: string): Promise<AcceptedEvent> {
    const event = await this.find(user, id);
    if (event.ownerId !== user.id) {
      const detail = { owner_id: event.ownerId };
      await this.audit.changes(user, { action: 'event.reprocess', target: id, detail });
    }
    const restarted = await this.reprocessing.one(event, correlationId);
    if (!restarted) throw new EventOpenError();
    return acceptedOf(restarted);
  }

  async reprocessMany(
    user: RequestUser,
    request: ReprocessRequest,
    correlationId: string,
  ): Promise<ReprocessAnswer> {
    const restarted = await this.reprocessing.many(user.id, request, correlationId);
    return {
      message: `${restarted.length} events run again.`,
      events: restarted.map(({ id, runId }) => ({ event_id: id, task_id: runId })),
    };
  }

  /** @throws NotFoundError for unknown ids and events of other users alike */
  private async find(user: RequestUser, id: string): Promise<EventRow> {
    const event = await this.reader.row(id);
    if (!event || (event.ownerId !== user.id && user.role !== 'admin')) {
      throw new NotFoundError('event');
    }
    return event;
  }
}

/** Worded as in the original. */
export function acceptedOf({ id, runId }: { id: string; runId: string }): AcceptedEvent {
  const message = `process_incoming_event started \`${runId}\``;
  return { message, task_id: runId, event_id: id };
}
