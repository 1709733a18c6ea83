import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { QueueName } from './queues.js';
import type { TaskProgress } from './task-context.js';
import type { TaskFailure } from './task-errors.js';
import type { TaskKind, TaskState } from './task-state.js';

/** A row of the task ledger, for reading. Transitions are guarded statements in the ledger. */
@Entity('tasks')
export class TaskEntity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

  /** What it is: a task, a task over many payloads, or a node that ends when its children have. */
  @Column('text')
  kind!: TaskKind;

  @Column('text')
  queue!: QueueName;

  @Column('smallint')
  priority!: number;

  @Column('text')
  state!: TaskState;

  @Column('jsonb')
  payload!: unknown;

  @Column('jsonb', { nullable: true })
  result!: unknown;

  @Column('jsonb', { nullable: true })
  error!: TaskFailure | null;

  @Column('jsonb', { nullable: true })
  progress!: TaskProgress | null;

  /** Claims so far; the number of the running one is its fencing token. */
  @Column('integer')
  attempt!: number;

  @Column('integer')
  retries!: number;

  /** Claims that never ended: the worker died. */
  @Column('integer')
  crashes!: number;

  @Column('timestamptz', { name: 'run_at' })
  runAt!: Date;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  @Column('uuid', { name: 'owner_id', nullable: true })
  ownerId!: string | null;

  @Column('text', { name: 'correlation_id', nullable: true })
  correlationId!: string | null;

  /** Worker of the newest claim. */
  @Column('text', { nullable: true })
  worker!: string | null;

  /** Root of the canvas it belongs to. */
  @Column('uuid', { name: 'canvas_id', nullable: true })
  canvasId!: string | null;

  /** Node it is part of; with `position` null, the task it is a callback of. */
  @Column('uuid', { name: 'parent_id', nullable: true })
  parentId!: string | null;

  /** Place among the children of its parent, from 0. */
  @Column('integer', { nullable: true })
  position!: number | null;

  /** Waits for another node of its canvas; no worker takes it. */
  @Column('boolean')
  blocked!: boolean;

  /** What its concurrency limit counts it by, once it has met that limit or run within it. */
  @Column('text', { name: 'concurrency_key', nullable: true })
  concurrencyKey!: string | null;

  /** Somebody has asked to stop it while it runs. */
  @Column('timestamptz', { name: 'revoke_requested_at', nullable: true })
  revokeRequestedAt!: Date | null;

  /** When the result is dropped; null: never, or not ended. */
  @Column('timestamptz', { name: 'result_expires_at', nullable: true })
  resultExpiresAt!: Date | null;

  /** The result was dropped, on request or because it expired. */
  @Column('boolean')
  forgotten!: boolean;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'started_at', nullable: true })
  startedAt!: Date | null;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  finishedAt!: Date | null;
}
