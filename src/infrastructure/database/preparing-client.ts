import type { Client, ClientConfig } from 'pg';
import { SteadyClient } from './steady-client.js';

/** Most prepared statements of one connection. Postgres keeps each in memory; Darkroom has far fewer. */
const maxPrepared = 200;
const names = new Map<string, string>();

/**
 * A connection on which Postgres parses and plans each statement once: every text that comes with
 * parameters is prepared under a name. The same few statements make nearly all of the traffic.
 */
export class PreparingClient extends SteadyClient {
  constructor(config?: string | ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    this.query = ((text: unknown, parameters: unknown, ...rest: unknown[]) => {
      const repeated = typeof text === 'string' && Array.isArray(parameters);
      return query(repeated ? prepared(text) : text, parameters, ...rest);
    }) as Client['query'];
  }
}

function prepared(text: string): { text: string; name?: string } {
  let name = names.get(text);
  if (name === undefined) {
    if (names.size >= maxPrepared) return { text };
    name = `darkroom_${names.size}`;
    names.set(text, name);
  }
  return { name, text };
}
