/** When a child has done enough; undefined: as nobody has said. */
export interface ChildLimits {
  /** 0: no limit. */
  maxTasks: number | undefined;
  maxMemoryMb: number | undefined;
}

/** The original's `worker_max_tasks_per_child`. */
const defaultMaxTasks = 50;

/** Why a child takes no more tasks; undefined: it may go on. */
export function wornOut(
  child: { tasks: number; rss: number | null },
  limits: ChildLimits,
): string | undefined {
  const maxTasks = limits.maxTasks ?? defaultMaxTasks;
  if (maxTasks > 0 && child.tasks >= maxTasks) return `it ran ${child.tasks} tasks`;
  const megabytes = Math.round((child.rss ?? 0) / 2 ** 20);
  if (limits.maxMemoryMb !== undefined && megabytes > limits.maxMemoryMb) {
    return `it holds ${megabytes} MB`;
  }
  return undefined;
}
