/** Values from users and handlers, and tables whose keys are names: these keep their keys. */
export const theirs = new Set([
  'payload',
  'result',
  'tasks_by_name',
  'contexts',
  'failed_tasks',
  'succeeded_tasks',
]);

/** The same value with our own keys in snake_case, as in the HTTP API. */
export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (typeof value !== 'object' || value === null) return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const key = snakeName(name);
      return [key, theirs.has(key) ? withKeptKeys(key, inner) : snakeCased(inner)];
    }),
  );
}

/** The keys of a table by task are names; the keys of its values are ours. */
function withKeptKeys(key: string, value: unknown): unknown {
  if (key !== 'tasks_by_name' || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, snakeCased(inner)]),
  );
}

function snakeName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters, at: number) => {
    return `${at > 0 ? '_' : ''}${letters.toLowerCase()}`;
  });
}
