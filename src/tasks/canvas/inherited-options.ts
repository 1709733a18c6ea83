import type { SentOptions } from '../definitions/sent-options.js';

/** The options of a node, completed by those of the nodes above it. */
export function optionsWithin(above: SentOptions, own: SentOptions): SentOptions {
  const { delayMs, runAt, ...others } = above;
  // A node that sets its own start inherits neither of the two options for it.
  const start = own.delayMs === undefined && own.runAt === undefined;
  return {
    ...others,
    ...(start && delayMs !== undefined && { delayMs }),
    ...(start && runAt !== undefined && { runAt }),
    ...own,
  };
}
