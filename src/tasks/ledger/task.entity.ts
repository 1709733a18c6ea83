import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { QueueName } from '../definitions/queues.js';
import type { TaskProgress } from '../definitions/task-context.js';
import type { TaskFailure } from '../definitions/task-errors.js';
import type { TaskKind, TaskState } from '../definitions/task-state.js';

/**
 * A row of the ledger: the table `tasks` has one row for each task, and decides what happens to it. This entity is
 * for reading. All changes are SQL statements with conditions.
 */
@Entity('tasks')
export class TaskEntity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

  /** A task, a task over many payloads (`map`), or a node of a canvas that ends when its children have ended. */
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

  /** Number of claims so far. The number of the running attempt is its fencing token. */
  @Column('integer')
  attempt!: number;

  @Column('integer')
  retries!: number;

  /** Number of claims whose worker died. */
  @Column('integer')
  crashes!: number;

  @Column('timestamptz', { name: 'run_at' })
  runAt!: Date;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  @Column('uuid', { name: 'owner_id', nullable: true })
  ownerId!: string | null;

  /** It starts only while fewer tasks of its owner and name are running; null: always. */
  @Column('integer', { name: 'owner_limit', nullable: true })
  ownerLimit!: number | null;

  @Column('text', { name: 'correlation_id', nullable: true })
  correlationId!: string | null;

  /** Worker of the newest claim. */
  @Column('text', { nullable: true })
  worker!: string | null;

  /** Id of the root of its canvas; null: it belongs to none. */
  @Column('uuid', { name: 'canvas_id', nullable: true })
  canvasId!: string | null;

  /** Id of the node that it is part of. If `position` is null: of the task that it is a callback of. */
  @Column('uuid', { name: 'parent_id', nullable: true })
  parentId!: string | null;

  /** Place among the children of its parent, from 0. */
  @Column('integer', { nullable: true })
  position!: number | null;

  /** It waits for another node of its canvas, and no worker takes it. */
  @Column('boolean')
  blocked!: boolean;

  /** The key by which its concurrency limit counts it. Set once it has waited for that limit or run within it. */
  @Column('text', { name: 'concurrency_key', nullable: true })
  concurrencyKey!: string | null;

  /** When somebody revoked it while it was running. */
  @Column('timestamptz', { name: 'revoke_requested_at', nullable: true })
  revokeRequestedAt!: Date | null;

  /** When the result will be dropped; null: never, or the task has not ended. */
  @Column('timestamptz', { name: 'result_expires_at', nullable: true })
  resultExpiresAt!: Date | null;

  /** The result was dropped, on request or because it has expired. */
  @Column('boolean')
  forgotten!: boolean;

  /** The task that waits for the end of this one. */
  @Column('uuid', { name: 'waiter_id', nullable: true })
  waiterId!: string | null;

  /** Every step of its life is in the history: it belongs to a user and is no chore of ours. */
  @Column('boolean')
  followed!: boolean;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'started_at', nullable: true })
  startedAt!: Date | null;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  finishedAt!: Date | null;
}
