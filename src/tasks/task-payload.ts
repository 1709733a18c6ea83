import { z } from 'zod';
import type { Json } from '../common/json.js';
import { whyUnstorable } from './storable-json.js';
import type { TaskDefinition } from './task-definition.js';

const maxPayloadBytes = 64 * 1024;

/** The payload does not fit its definition; nothing was stored. A mistake of the calling code. */
export class InvalidPayloadError extends Error {
  override readonly name = 'InvalidPayloadError';
}

/** The payload as the ledger keeps it. @throws InvalidPayloadError */
export function checkedPayload(definition: TaskDefinition, payload: unknown): Json {
  checkStorable(definition, payload);
  const parsed = definition.payload.safeParse(payload);
  if (!parsed.success) throw new InvalidPayloadError(complaint(definition, parsed.error));
  return checkedSize(definition, parsed.data as Json);
}

/** A list of payloads. @throws InvalidPayloadError */
export function checkedPayloads(definition: TaskDefinition, payloads: unknown): Json {
  checkStorable(definition, payloads);
  const parsed = z.array(definition.payload).safeParse(payloads);
  if (!parsed.success) throw new InvalidPayloadError(complaint(definition, parsed.error));
  return checkedSize(definition, parsed.data as Json);
}

/** All of a payload but the field that the step before will give. @throws InvalidPayloadError */
export function checkedRest(definition: TaskDefinition, field: string, rest: Json): Json {
  if (field === '') return null;
  checkStorable(definition, rest);
  const { error } = definition.payload.safeParse(rest);
  const issues = error?.issues.filter((issue) => issue.path[0] !== field) ?? [];
  if (issues.length > 0) {
    throw new InvalidPayloadError(complaint(definition, new z.ZodError(issues)));
  }
  return checkedSize(definition, rest);
}

function checkedSize(definition: TaskDefinition, payload: Json): Json {
  // A schema may have made something else of what was sent.
  checkStorable(definition, payload);
  const bytes = Buffer.byteLength(JSON.stringify(payload) ?? '');
  if (bytes === 0 || bytes > maxPayloadBytes) {
    throw new InvalidPayloadError(
      `Payload of task "${definition.name}" has ${bytes} bytes of JSON; between 1 and ${maxPayloadBytes} fit.`,
    );
  }
  return payload;
}

function checkStorable(definition: TaskDefinition, payload: unknown): void {
  const why = whyUnstorable(payload);
  if (why === undefined) return;
  throw new InvalidPayloadError(`Payload of task "${definition.name}" ${why}.`);
}

function complaint(definition: TaskDefinition, error: z.ZodError): string {
  return `Payload of task "${definition.name}": ${z.prettifyError(error)}`;
}
