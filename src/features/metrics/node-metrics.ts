import { Registry, collectDefaultMetrics } from 'prom-client';

let registry: Registry | undefined;

/**
 * Processor time, memory, event loop lag and garbage collection, by the usual names. They are those of the whole
 * process and their collectors have no end, so they are made once.
 */
export function nodeMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return registry;
}
