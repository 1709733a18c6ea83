import { z } from 'zod';

interface JsonSchema {
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  additionalProperties?: boolean | JsonSchema;
}

/**
 * Why a value of one schema can never, or not always, be read by another one, as far as their JSON shapes tell: types,
 * fields and enumerations. Bounds and patterns are checked when the node runs.
 *
 * @returns the end of a sentence; undefined: nothing speaks against it
 */
export function misfit(output: z.ZodType, input: z.ZodType): string | undefined {
  return compare(shapeOf(output, 'output'), shapeOf(input, 'input'), 'it');
}

function shapeOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' }) as JsonSchema;
}

function compare(from: JsonSchema, to: JsonSchema, at: string): string | undefined {
  const given = alternativesOf(from);
  if (given) {
    return given.map((one) => compare(one, to, at)).find((why) => why !== undefined);
  }
  const taken = alternativesOf(to);
  if (taken) {
    const reasons = taken.map((one) => compare(from, one, at));
    return reasons.some((why) => why === undefined) ? undefined : reasons[0];
  }
  return (
    compareTypes(from, to, at) ??
    compareValues(from, to, at) ??
    compareFields(from, to, at) ??
    compareItems(from, to, at)
  );
}

function compareTypes(from: JsonSchema, to: JsonSchema, at: string): string | undefined {
  const [given, taken] = [typesOf(from), typesOf(to)];
  if (!given || !taken) return undefined;
  const stray = given.find(
    (type) => !taken.includes(type) && !(type === 'integer' && taken.includes('number')),
  );
  return stray === undefined
    ? undefined
    : `${at} may be of type ${stray}, and not only ${taken.join(' or ')}`;
}

function compareValues(from: JsonSchema, to: JsonSchema, at: string): string | undefined {
  const taken = valuesOf(to);
  if (!taken) return undefined;
  const given = valuesOf(from);
  if (!given) return `${at} may be something else than ${taken.join(', ')}`;
  const stray = given.find((value) => !taken.includes(value));
  return stray === undefined ? undefined : `${at} may be ${JSON.stringify(stray)}`;
}

function compareFields(from: JsonSchema, to: JsonSchema, at: string): string | undefined {
  if (!from.properties || !to.properties) return undefined;
  for (const [name, schema] of Object.entries(to.properties)) {
    const given = from.properties[name];
    const place = at === 'it' ? name : `${at}.${name}`;
    const needed = to.required?.includes(name) === true;
    if (needed && (!given || from.required?.includes(name) !== true))
      return `${place} may be missing`;
    const why = given && compare(given, schema, place);
    if (why !== undefined) return why;
  }
  if (to.additionalProperties !== false) return undefined;
  const unknown = Object.keys(from.properties).find((name) => !(name in to.properties!));
  return unknown === undefined ? undefined : `it has no field ${unknown}`;
}

function compareItems(from: JsonSchema, to: JsonSchema, at: string): string | undefined {
  return from.items && to.items ? compare(from.items, to.items, `${at}[]`) : undefined;
}

function alternativesOf({ anyOf, oneOf }: JsonSchema): JsonSchema[] | undefined {
  return anyOf ?? oneOf;
}

function typesOf({ type }: JsonSchema): string[] | undefined {
  return type === undefined ? undefined : [type].flat();
}

function valuesOf({ enum: values, const: value }: JsonSchema): unknown[] | undefined {
  return value === undefined ? values : [value];
}
