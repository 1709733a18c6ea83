import { UnavailableError } from '../../common/app-error.js';
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
    const ofItems = !isTransient(error) && !(error instanceof UnavailableError);
    if (items.length === 1 || !ofItems) throw error;
    // One after the other: they must not take all connections.
    const outcomes: (A | Error)[] = [];
    for (const item of items) {
      outcomes.push(
        await work([item]).then(
          ([outcome]) => outcome!,
          (reason: Error) => reason,
        ),
      );
    }
    return outcomes;
  }
}
