import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { InvalidFieldsError, NotFoundError } from '../../common/app-error.js';
import { isStorable } from '../../common/storable-text.js';
import { parseStrictJson } from '../../infrastructure/http/strict-json.js';
import { fieldErrors } from '../../infrastructure/http/validation.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { EventIntake } from '../events/event-intake.js';
import type { AcceptedEvent } from '../events/events.dto.js';
import { knownTypes, unknownType } from '../events/events.errors.js';
import { acceptedOf } from '../events/events.service.js';
import { WebhookSecrets } from '../webhooks/webhook-secrets.js';
import { signatureProblem, type SignedHeaders } from '../webhooks/webhook-signature.js';
import { EventSourceRows, type EventSource } from './event-source-rows.js';
import {
  signedEvent,
  sourceOf,
  type MadeSource,
  type NewSource,
  type RotatedSource,
  type SourceList,
} from './event-sources.dto.js';
import { WrongSignatureError } from './event-sources.errors.js';

/** Longest `webhook-id`. */
const longestId = 200;

/** A message of a service, as it has arrived. */
export interface SignedMessage {
  headers: Partial<SignedHeaders>;
  body: Buffer;
  correlationId: string;
}

/** What users do with their event sources, and admins with everybody's; and what the services send. */
@Injectable()
export class EventSourcesService {
  constructor(
    private readonly sources: EventSourceRows,
    private readonly secrets: WebhookSecrets,
    private readonly intake: EventIntake,
    private readonly audit: AuditLog,
  ) {}

  /** @throws InvalidFieldsError, TooManySourcesError */
  async create(user: RequestUser, { name, types }: NewSource): Promise<MadeSource> {
    const known = knownTypes();
    const unknown = types.findIndex((type) => !known.includes(type));
    if (unknown !== -1) throw new InvalidFieldsError([unknownType(`types.${unknown}`)]);
    const id = uuidv7();
    const { secret, box } = await this.secrets.make(id);
    const made = await this.sources.add(user.id, { id, name, types, box });
    return { ...sourceOf(made), secret };
  }

  async list(user: RequestUser): Promise<SourceList> {
    return { sources: (await this.sources.list(user.id)).map(sourceOf) };
  }

  /** @throws NotFoundError */
  async delete(user: RequestUser, id: string): Promise<void> {
    await this.toChange(user, id, 'event_source.delete');
    await this.sources.delete(id);
  }

  /** @throws NotFoundError */
  async rotate(user: RequestUser, id: string): Promise<RotatedSource> {
    await this.toChange(user, id, 'event_source.rotate');
    const { secret, box } = await this.secrets.make(id);
    return { secret, previous_until: (await this.sources.rotate(id, box)).toISOString() };
  }

  /**
   * Takes in an event. Its body is read only when its signature is right.
   *
   * @throws WrongSignatureError; as {@link EventIntake.accept}
   */
  async accept(
    sourceId: string,
    { headers, body, correlationId }: SignedMessage,
  ): Promise<AcceptedEvent> {
    const source = await this.sources.find(sourceId);
    if (!source) throw new WrongSignatureError();
    const secrets = await this.secrets.open(source, sourceId);
    const genuine = secrets.some((secret) => signatureProblem(secret, headers, body) === undefined);
    const id = headers['webhook-id'] ?? '';
    if (!genuine || id.length > longestId || !isStorable(id)) throw new WrongSignatureError();
    const read = signedEvent.safeParse(parseStrictJson(body));
    if (!read.success) throw new InvalidFieldsError(fieldErrors(read.error.issues));
    const { type, data } = read.data;
    if (source.types.length > 0 && !source.types.includes(type)) {
      const message = `must be one of: ${source.types.join(', ')}`;
      throw new InvalidFieldsError([{ path: 'type', message }]);
    }
    const sender = { ownerId: source.userId, sourceId, correlationId };
    const accepted = await this.intake.accept({ type, data, id }, sender);
    await this.sources.used(source);
    return acceptedOf(accepted);
  }

  /** @throws NotFoundError for unknown ids and sources of other users alike */
  private async toChange(user: RequestUser, id: string, action: string): Promise<EventSource> {
    const source = await this.sources.find(id);
    if (!source || (source.userId !== user.id && user.role !== 'admin')) {
      throw new NotFoundError('event source');
    }
    if (source.userId !== user.id) {
      await this.audit.changes(user, { action, target: id, detail: { owner_id: source.userId } });
    }
    return source;
  }
}
