/** When a child process is replaced. Undefined: not set. */
export interface ChildLimits {
  /** After this many tasks. 0: no limit; undefined: 50. */
  maxTasks: number | undefined;
  /** When it uses more memory than this after a task, in MiB. Undefined: no limit. */
  maxMemoryMb: number | undefined;
}

/** The original's `worker_max_tasks_per_child`. */
const defaultMaxTasks = 50;

/** Why a child must be replaced; undefined: it can go on. */
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
