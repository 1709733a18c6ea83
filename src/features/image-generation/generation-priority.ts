/** 0 runs first, 9 last. */
const priorities = { high: 2, normal: 5, low: 8 } as const;

export type PriorityName = keyof typeof priorities;

/** The priority of the task. */
export function priorityNumber(name: PriorityName): number {
  return priorities[name];
}

/** The name of a task's priority; of one that has none, the next lower. */
export function priorityOf(priority: number): PriorityName {
  if (priority <= priorities.high) return 'high';
  return priority <= priorities.normal ? 'normal' : 'low';
}

/** What is asked for, or what the plan allows if that is lower. */
export function cappedPriority(asked: PriorityName, highest: PriorityName): PriorityName {
  return priorities[asked] < priorities[highest] ? highest : asked;
}
