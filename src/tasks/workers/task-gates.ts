import { Injectable } from '@nestjs/common';
import { pause, sharedAbort } from '../../common/deadline.js';
import type { TaskDefinition } from '../definitions/task-definition.js';

/**
 * Decides whether this process starts tasks of one definition. A feature shuts the gate when its tasks cannot
 * succeed at the moment. The worker then holds the hints that it has taken without claiming them, and takes
 * no more than it has places. So a backlog keeps its order and costs nothing while it waits. Other tasks of
 * the same queue wait behind it.
 */
export class TaskGate {
  private opening: AbortController | undefined;
  private readonly reasons = new Set<string>();
  private listener: () => void = () => {};

  get isShut(): boolean {
    return this.opening !== undefined;
  }

  /** @param reason a word for it; the gate stays shut until it is opened for each reason */
  shut(reason: string): void {
    this.reasons.add(reason);
    this.opening ??= sharedAbort();
  }

  open(reason: string): void {
    this.reasons.delete(reason);
    if (this.reasons.size > 0) return;
    this.opening?.abort();
    this.opening = undefined;
  }

  /** Sets a listener for snoozed attempts, in this process or in a child process of this worker. */
  onSnooze(listener: () => void): void {
    this.listener = listener;
  }

  snoozed(): void {
    this.listener();
  }

  /** Resolves when the gate is open, after `ms` milliseconds, or when the signal is aborted. Never rejects. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.opening) await pause(ms, signal, this.opening.signal);
  }
}

/** The gates of this process. A definition without a gate is always open. */
@Injectable()
export class TaskGates {
  private readonly gates = new Map<string, TaskGate>();

  /** The gate of this definition; the first call makes it. */
  of({ name }: TaskDefinition): TaskGate {
    const gate = this.gates.get(name) ?? new TaskGate();
    this.gates.set(name, gate);
    return gate;
  }

  find(name: string): TaskGate | undefined {
    return this.gates.get(name);
  }

  /** Names of the definitions whose gate is shut. */
  shut(): string[] {
    return [...this.gates].filter(([, gate]) => gate.isShut).map(([name]) => name);
  }
}
