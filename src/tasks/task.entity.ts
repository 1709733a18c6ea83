import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { QueueName } from './queues.js';
import type { TaskProgress } from './task-context.js';
import type { TaskFailure } from './task-errors.js';
import type { TaskState } from './task-state.js';

/** A row of the task ledger, for reading. Transitions are guarded statements in the ledger. */
@Entity('tasks')
export class TaskEntity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

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

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'started_at', nullable: true })
  startedAt!: Date | null;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  finishedAt!: Date | null;
}
