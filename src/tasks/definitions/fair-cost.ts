import type { Json } from '../../common/json.js';
import { definitionOf, type FairShare } from './task-definition.js';
import type { TaskKind } from './task-state.js';

/**
 * The share of a task's owner that it takes up; null: its definition shares nothing. A `map` task costs as much as all
 * of its payloads together. A payload that is not complete yet, or for which `cost` throws, costs 1.
 */
export function fairCost(kind: TaskKind, name: string, payload: Json): number | null {
  const share = definitionOf(name)?.fairShare;
  if (!share) return null;
  if (kind !== 'map') return costOf(share, payload);
  return (payload as Json[]).reduce<number>((sum, one) => sum + costOf(share, one), 0);
}

function costOf(share: FairShare<unknown>, payload: Json): number {
  try {
    const own = share.cost(payload);
    return Number.isFinite(own) && own > 0 ? own : 1;
  } catch {
    return 1;
  }
}
