import { Injectable } from '@nestjs/common';
import { pause } from '../common/deadline.js';
import type { TaskDefinition } from './task-definition.js';

/**
 * Whether this process begins tasks of one definition. Whoever knows that they could not succeed just now shuts it;
 * then a worker keeps the hints that it has taken, unclaimed, and takes no more than it has places. So a backlog
 * keeps its order and costs nothing while it waits. What else is in the same queue waits behind.
 */
export class TaskGate {
  private opening: AbortController | undefined;
  private listener: () => void = () => {};

  get isShut(): boolean {
    return this.opening !== undefined;
  }

  shut(): void {
    this.opening ??= new AbortController();
  }

  open(): void {
    this.opening?.abort();
    this.opening = undefined;
  }

  /** Calls back when an attempt was snoozed, here or in a child process of this worker. */
  onSnooze(listener: () => void): void {
    this.listener = listener;
  }

  snoozed(): void {
    this.listener();
  }

  /** Resolves when it is open, after `ms` milliseconds, or when the signal fires. Rejects never. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.opening) await pause(ms, signal, this.opening.signal);
  }
}

/** The gates of this process. A definition without one is always open. */
@Injectable()
export class TaskGates {
  private readonly gates = new Map<string, TaskGate>();

  /** The gate of this definition, made at the first call. */
  of({ name }: TaskDefinition): TaskGate {
    const gate = this.gates.get(name) ?? new TaskGate();
    this.gates.set(name, gate);
    return gate;
  }

  find(name: string): TaskGate | undefined {
    return this.gates.get(name);
  }

  /** Names of definitions whose gate is shut. */
  shut(): string[] {
    return [...this.gates].filter(([, gate]) => gate.isShut).map(([name]) => name);
  }
}
