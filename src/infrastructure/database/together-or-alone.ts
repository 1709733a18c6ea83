import { isTransient } from './transaction.js';

/**
 * Runs `work` for all items together. If Postgres refuses them, each item is tried alone, so that one bad item does
 * not fail the others.
 *
 * @returns in the order of the items, what `work` returned or the error of that item
 * @throws what says nothing about the items: the connection or the server had trouble
 */
export async function togetherOrAlone<Q, A>(
  items: Q[],
  work: (items: Q[]) => Promise<A[]>,
): Promise<(A | Error)[]> {
  try {
    return await work(items);
  } catch (error) {
    if (items.length === 1 || isTransient(error)) throw error;
    const outcomes = await Promise.allSettled(items.map((item) => work([item])));
    return outcomes.map((o) => (o.status === 'rejected' ? (o.reason as Error) : o.value[0]!));
  }
}
