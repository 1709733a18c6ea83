import type { Json } from '../../common/json.js';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import { PermanentTaskError, Snooze } from '../../tasks/definitions/task-errors.js';
import type { IncomingEvent } from './incoming-events.js';
import { failedNode, nextNodes } from './next-nodes.js';
import type { AwaitedEnd, NodeRunner } from './node-runner.js';
import type { NodeRows } from './node-rows.js';
import { isOver, type NodeState, type NodeStateName } from './node-states.js';
import { indexNode, type Pipeline } from './pipeline-definition.js';
import type { NodeSpec } from './pipeline-graph.js';

/** Nodes of a run that run at the same time. */
const mostAtOnce = 10;
/** An attempt begins no node after that: the rest is for another one. Milliseconds. */
const attemptMs = 240_000;
/** How often a run looks whether tasks are over, in case nothing wakes it. Milliseconds. */
const lookEveryMs = 60_000;
/** A run may wait for people, or for an engine that is away. Milliseconds. */
const patienceMs = 30 * 86_400_000;

export interface RunServices {
  rows: NodeRows;
  runner: NodeRunner;
  /** How these tasks ended; those that are open are left out, and deleted ones have the state DELETED. */
  ended: (ids: string[]) => Promise<Map<string, AwaitedEnd>>;
}

/** One attempt to bring the run of a pipeline to its end. */
export class PipelineRun {
  private readonly running = new Map<string, Promise<void>>();
  private readonly beganAt = performance.now();

  constructor(
    private readonly pipeline: Pipeline,
    private readonly event: IncomingEvent,
    private readonly states: Map<string, NodeState>,
    private readonly task: TaskContext,
    private readonly services: RunServices,
  ) {}

  /**
   * Runs nodes until all are over, several at the same time where the graph allows it.
   *
   * @throws Snooze when the others wait; PermanentTaskError when the run has failed
   */
  async go(): Promise<void> {
    const read = this.pipeline.event.data.safeParse(this.event.data);
    if (!read.success) {
      throw new PermanentTaskError('invalid_event', 'The event does not fit its type any more.');
    }
    const data = read.data as Json;
    await this.receive();
    try {
      while (await this.begin(data)) await Promise.race(this.running.values());
    } finally {
      // What a node still writes belongs to this attempt.
      await Promise.allSettled(this.running.values());
    }
    if (!this.isOver()) throw this.snooze();
    const failed = failedNode(this.pipeline, this.states);
    if (failed === undefined) return;
    const { code, message } = this.states.get(failed)!.error!;
    throw new PermanentTaskError(code, `The node "${failed}" failed: ${message}`);
  }

  /** Names of the nodes in this state. */
  named(state: NodeStateName): string[] {
    return [...this.pipeline.nodes.keys()].filter((name) => this.states.get(name)?.state === state);
  }

  /** Takes in the tasks that have ended. */
  private async receive(): Promise<void> {
    const waiting = [...this.pipeline.nodes.values()].flatMap((spec) => {
      const state = this.states.get(spec.name);
      return state?.state === 'WAITING' ? [{ spec, state }] : [];
    });
    if (waiting.length === 0) return;
    const ended = await this.services.ended(waiting.map(({ state }) => state.taskId!));
    for (const { spec, state } of waiting) {
      const end = ended.get(state.taskId!);
      if (!end) continue;
      const received = end.state === 'DELETED' ? undefined : end;
      this.set(spec, await this.services.runner.received(spec, this.task, state, received));
    }
  }

  /** Begins all that can begin. @returns whether anything runs */
  private async begin(data: Json): Promise<boolean> {
    this.task.signal.throwIfAborted();
    let next = nextNodes(this.pipeline, this.states, Date.now(), indexNode);
    // A skipped node may be what others have waited for; and meanwhile others go on.
    while (next.skipped.length > 0) {
      for (const spec of next.skipped) await this.skip(spec);
      next = nextNodes(this.pipeline, this.states, Date.now(), indexNode);
    }
    if (performance.now() - this.beganAt < attemptMs) {
      for (const spec of next.ready) this.start(spec, data);
    }
    return this.running.size > 0;
  }

  private start(spec: NodeSpec, data: Json): void {
    if (this.running.has(spec.name) || this.running.size >= mostAtOnce) return;
    const { event, states } = this;
    const run = { event, data, states, outputs: this.outputs() };
    const ended = this.services.runner
      .run(spec, run, this.task)
      .then((state) => this.set(spec, state))
      .finally(() => this.running.delete(spec.name));
    this.running.set(spec.name, ended);
  }

  private async skip(spec: NodeSpec): Promise<void> {
    const write = {
      node: spec.name,
      state: 'SKIPPED' as const,
      failures: 0,
      startedAt: new Date(),
    };
    this.set(spec, await this.services.rows.write(this.task, write));
  }

  private set({ name }: NodeSpec, state: NodeState): void {
    this.states.set(name, state);
    const steps = this.pipeline.nodes.size;
    const step = [...this.states.values()].filter(isOver).length;
    this.task.progress({ percent: Math.floor((100 * step) / steps), step, steps });
  }

  private outputs(): Record<string, Json> {
    const done = [...this.states].filter(([, { state }]) => state === 'DONE');
    return Object.fromEntries(done.map(([name, { output }]) => [name, output]));
  }

  private isOver(): boolean {
    return [...this.pipeline.nodes.keys()].every((name) => isOver(this.states.get(name)));
  }

  private snooze(): Snooze {
    const open = [...this.pipeline.nodes.keys()].map((name) => this.states.get(name));
    const retries = open.flatMap((state) => (state?.state === 'RETRY' ? [state.retryAt!] : []));
    const waits = open.some((state) => state?.state === 'WAITING');
    // A node that can begin, for which this attempt had no time left.
    const begins = nextNodes(this.pipeline, this.states, Date.now(), indexNode).ready.length > 0;
    const delays = retries.map((at) => Math.max(0, at.getTime() - Date.now()));
    if (waits) delays.push(lookEveryMs);
    const message = 'Nodes of the pipeline wait.';
    return new Snooze(begins ? 0 : Math.min(...delays), {
      code: 'pipeline_waits',
      message,
      patienceMs,
    });
  }
}
