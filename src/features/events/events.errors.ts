import { AppError, InvalidFieldsError, type FieldError } from '../../common/app-error.js';
import { PipelineRegistry } from '../pipelines/pipeline-registry.js';

/** The types that anybody may send. */
export function knownTypes(): string[] {
  return PipelineRegistry.all()
    .filter(({ event }) => event.from === 'anyone')
    .map(({ event }) => event.type);
}

/** @param path of the field that names the type */
export function unknownType(path: string): FieldError {
  const known = knownTypes();
  const which =
    known.length > 0 ? `one of: ${known.join(', ')}` : 'known, but no pipeline is there';
  return { path, message: `must be ${which}` };
}

export class InvalidEventsError extends InvalidFieldsError {}

/** An event with the same id, type and sender has other data. */
export class EventIdReusedError extends AppError {
  constructor(paths: string[]) {
    super(409, 'event_id_reused', 'You have already sent another event with this id.', {
      errors: paths.map((path) => ({ path, message: 'was used before' })),
    });
  }
}

export class EventOpenError extends AppError {
  constructor() {
    super(409, 'event_open', 'The event is still being processed. Wait, or revoke its task first.');
  }
}

export class TooManyOpenEventsError extends AppError {
  constructor(most: number) {
    super(429, 'quota_exceeded', `You may have ${most} events that are not processed yet.`, {
      retryAfterSeconds: 30,
      members: { limit: 'open_events' },
    });
  }
}
