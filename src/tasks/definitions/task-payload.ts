import { z } from 'zod';
import type { Json } from '../../common/json.js';
import { whyUnstorable } from './storable-json.js';
import type { TaskDefinition } from './task-definition.js';

const maxPayloadBytes = 64 * 1024;

/** The payload does not match its definition. Nothing was stored. The calling code is wrong. */
export class InvalidPayloadError extends Error {
  override readonly name = 'InvalidPayloadError';
}

/** The task needs an owner and none was given. Nothing was stored. The calling code is wrong. */
export class OwnerMissingError extends Error {
  override readonly name = 'OwnerMissingError';

  constructor(task: string) {
    super(`A task "${task}" belongs to a user: say whose it is (ownerId).`);
  }
}

/**
 * Checks a payload.
 *
 * @returns the payload as the ledger stores it
 * @throws InvalidPayloadError
 */
export function checkedPayload(definition: TaskDefinition, payload: unknown): Json {
  checkStorable(definition, payload);
  const parsed = definition.payload.safeParse(payload);
  if (!parsed.success) throw new InvalidPayloadError(complaint(definition, parsed.error));
  return checkedSize(definition, parsed.data as Json);
}

/** Checks only that Postgres can keep the payload as JSON. @throws InvalidPayloadError */
export function checkStorable(definition: TaskDefinition, payload: unknown): void {
  const why = whyUnstorable(payload);
  if (why === undefined) return;
  throw new InvalidPayloadError(`Payload of task "${definition.name}" ${why}.`);
}

/** Checks the list of payloads of a `map` task. @throws InvalidPayloadError */
export function checkedPayloads(definition: TaskDefinition, payloads: unknown): Json {
  checkStorable(definition, payloads);
  const parsed = z.array(definition.payload).safeParse(payloads);
  if (!parsed.success) throw new InvalidPayloadError(complaint(definition, parsed.error));
  return checkedSize(definition, parsed.data as Json);
}

/** Checks a payload except for `field`, which the previous step will fill in. @throws InvalidPayloadError */
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

/**
 * The payload that a list of arguments stands for, in the order that the definition names. It is not checked yet.
 *
 * @throws InvalidPayloadError
 */
export function payloadOfArgs({ name, args }: TaskDefinition, given: unknown[]): unknown {
  if (args === null) {
    throw new InvalidPayloadError(`Task "${name}" has no list of arguments: send a payload.`);
  }
  if (given.length > args.length) {
    throw new InvalidPayloadError(`Task "${name}" takes ${args.length}: ${args.join(', ')}.`);
  }
  return Object.fromEntries(given.map((value, index) => [args[index]!, value]));
}

function checkedSize(definition: TaskDefinition, payload: Json): Json {
  // The schema may have transformed the payload.
  checkStorable(definition, payload);
  const bytes = Buffer.byteLength(JSON.stringify(payload) ?? '');
  if (bytes === 0 || bytes > maxPayloadBytes) {
    throw new InvalidPayloadError(
      `Payload of task "${definition.name}" has ${bytes} bytes of JSON; between 1 and ${maxPayloadBytes} fit.`,
    );
  }
  return payload;
}

function complaint(definition: TaskDefinition, error: z.ZodError): string {
  return `Payload of task "${definition.name}": ${z.prettifyError(error)}`;
}
