/** Between two news of one task. Milliseconds. */
const leastMs = 5_000;
/** Tasks that are remembered; the rest would be told once more. */
const maxTasks = 10_000;

/** Lets the progress of each task through at most once in five seconds. */
export class ProgressThrottle {
  private readonly last = new Map<string, number>();

  /** @param nowMs monotonic milliseconds */
  admits(task: string, nowMs = performance.now()): boolean {
    const last = this.last.get(task);
    if (last !== undefined && nowMs - last < leastMs) return false;
    this.last.delete(task);
    this.last.set(task, nowMs);
    if (this.last.size > maxTasks) this.last.delete(this.last.keys().next().value!);
    return true;
  }
}
