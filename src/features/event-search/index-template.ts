import type { estypes } from '@elastic/elasticsearch';

/** What Elasticsearch has to know before the first document arrives. @param index its name */
export function indexTemplate(index: string): estypes.IndicesPutIndexTemplateRequest {
  return {
    name: index,
    index_patterns: [index],
    priority: 500,
    template: {
      settings: {
        auto_expand_replicas: '0-1',
        // A request that was late must not bring back what was removed meanwhile.
        gc_deletes: '1h',
      },
      mappings: {
        dynamic: false,
        properties: {
          event_id: { type: 'keyword' },
          owner_id: { type: 'keyword' },
          type: { type: 'keyword' },
          created_at: { type: 'date' },
          text: { type: 'text' },
          // Events have any fields, and each would become one of the index. Longer values are found by `text`.
          data: { type: 'flattened', ignore_above: longestFlat },
          outputs: { type: 'flattened', ignore_above: longestFlat },
        },
      },
    },
  };
}

/** Characters of a value that a flattened field has. */
const longestFlat = 1_024;
/** Elasticsearch refuses what is deeper, and a path with its value of more than 32 KB. */
const deepest = 15;
const longestKey = 200;

/** Whether a flattened field takes this. */
export function isFlattenable(value: unknown, depth = 1): boolean {
  if (typeof value !== 'object' || value === null) return depth > 1;
  if (depth > deepest) return false;
  if (Array.isArray(value)) return depth > 1 && value.every((one) => isFlattenable(one, depth + 1));
  return Object.entries(value).every(
    ([key, one]) => key.length <= longestKey && isFlattenable(one, depth + 1),
  );
}
