/** What a JSON schema of the OpenAPI document says about keys. */
export interface AnswerSchema {
  $ref?: string;
  properties?: Record<string, AnswerSchema>;
  items?: AnswerSchema;
  anyOf?: AnswerSchema[];
  oneOf?: AnswerSchema[];
  allOf?: AnswerSchema[];
  additionalProperties?: unknown;
}

type Schemas = Record<string, AnswerSchema>;

/** Every key that an answer of this schema may have, at any depth. */
export function keysOf(schema: AnswerSchema, schemas: Schemas, seen: string[] = []): string[] {
  // JSON of any shape is described by itself.
  if (schema.$ref !== undefined && seen.includes(schema.$ref)) return [];
  const inside = schema.$ref === undefined ? seen : [...seen, schema.$ref];
  const { properties = {}, items } = resolved(schema, schemas);
  const others = [...Object.values(properties), ...branches(schema, schemas)];
  return [
    ...Object.keys(properties),
    ...others.flatMap((one) => keysOf(one, schemas, inside)),
    ...(items ? keysOf(items, schemas, inside) : []),
  ];
}

/** Paths of the keys in an answer that its schema does not have. An object without properties may have any. */
export function undocumentedKeys(
  value: unknown,
  schema: AnswerSchema | undefined,
  schemas: Schemas,
  path = '',
): string[] {
  if (schema === undefined) return [`${path || 'the answer'} has no schema`];
  if (Array.isArray(value)) {
    const items = shapes(schema, schemas).find((one) => one.items)?.items;
    if (!items) return [];
    return value.flatMap((one, i) => undocumentedKeys(one, items, schemas, `${path}[${i}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  const objects = shapes(schema, schemas).filter((one) => one.properties);
  if (objects.length === 0) return [];
  const known = Object.assign({}, ...objects.map((one) => one.properties)) as Schemas;
  return Object.entries(value).flatMap(([key, one]) => {
    const at = `${path}.${key}`;
    return known[key] ? undocumentedKeys(one, known[key], schemas, at) : [at];
  });
}

/** The schema, and all that it may be instead. */
function shapes(schema: AnswerSchema, schemas: Schemas): AnswerSchema[] {
  const others = branches(schema, schemas).flatMap((one) => shapes(one, schemas));
  return [resolved(schema, schemas), ...others];
}

function branches(schema: AnswerSchema, schemas: Schemas): AnswerSchema[] {
  const { anyOf = [], oneOf = [], allOf = [] } = resolved(schema, schemas);
  return [...anyOf, ...oneOf, ...allOf];
}

function resolved(schema: AnswerSchema, schemas: Schemas): AnswerSchema {
  return schema.$ref === undefined ? schema : schemas[schema.$ref.split('/').at(-1)!]!;
}
