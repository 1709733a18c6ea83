import { z } from 'zod';
import { url } from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const searchVariables = {
  ELASTICSEARCH_URL: variable(url('Elasticsearch', 'http', 'https').optional(), {
    description: 'Elasticsearch for the search of events. Without it Postgres searches.',
    example: 'http://darkroom:password@localhost:9200',
    secret: true,
  }),
  ELASTICSEARCH_API_KEY: variable(z.string().max(10_000).optional(), {
    description: 'API key for Elasticsearch, in place of a name and password in its URL.',
    example: 'VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw==',
    secret: true,
  }),
  ELASTICSEARCH_INDEX: variable(
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,199}$/, 'is no name for an index: a-z, 0-9, dots, _ and -')
      .default('darkroom-events'),
    { description: 'Index of Elasticsearch that has the events.', example: 'darkroom-events' },
  ),
};

export interface ElasticsearchEnvironment {
  url: string;
  apiKey: string | undefined;
  index: string;
}

export interface SearchEnvironment {
  /** Undefined: Postgres alone. */
  elasticsearch: ElasticsearchEnvironment | undefined;
}

export function searchEnvironment(v: Values<typeof searchVariables>): SearchEnvironment {
  if (v.ELASTICSEARCH_URL === undefined) return { elasticsearch: undefined };
  return {
    elasticsearch: {
      url: v.ELASTICSEARCH_URL,
      apiKey: v.ELASTICSEARCH_API_KEY,
      index: v.ELASTICSEARCH_INDEX,
    },
  };
}
