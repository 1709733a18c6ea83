import { Injectable } from '@nestjs/common';
import type { Json } from '../../common/json.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { processIncomingEventTask } from './pipelines.tasks.js';

export interface WantedEvent {
  id: string;
  /** Of its run, and of the task of that. */
  runId: string;
  type: string;
  pipeline: string;
  producerId: string | null;
  data: Record<string, Json>;
  ownerId: string | null;
  sourceId: string | null;
  correlationId: string | null;
  /** Of its task: 0 (first) … 9 (last). Default: that of the definition. */
  priority?: number;
}

export interface StoredEvent {
  id: string;
  runId: string;
  /** The sender has used its id for another event. Then this is that one. */
  reused: boolean;
}

const given = `
  given AS (
    SELECT * FROM jsonb_to_recordset($1) AS given (n int, id uuid, "runId" uuid, type text,
      pipeline text, "producerId" text, data jsonb, "ownerId" uuid, "sourceId" uuid))`;

const addSql = `
  WITH ${given},
  added AS (
    INSERT INTO events (id, type, owner_id, source_id, producer_id, data, run_id)
    SELECT id, type, "ownerId", "sourceId", "producerId", data, "runId" FROM given ORDER BY n
    ON CONFLICT DO NOTHING RETURNING id, run_id),
  runs AS (
    INSERT INTO event_runs (id, event_id, pipeline)
    SELECT "runId", id, pipeline FROM given JOIN added USING (id) RETURNING id)
  SELECT id FROM added`;

const knownSql = `
  WITH ${given}
  SELECT DISTINCT ON (n) n, events.id, events.run_id AS "runId",
         events.type <> given.type OR events.data <> given.data AS reused
    FROM given JOIN events ON events.id = given.id
      OR (events.producer_id = given."producerId"
          AND events.owner_id IS NOT DISTINCT FROM given."ownerId"
          AND events.source_id IS NOT DISTINCT FROM given."sourceId")
   ORDER BY n, events.id = given.id DESC`;

/** Writes events with their runs and tasks. */
@Injectable()
export class EventStore {
  constructor(private readonly tasks: TaskClient) {}

  /**
   * Stores events, and sends the tasks that process them. One whose sender has used its id before is not stored again.
   * Safe to repeat with the same events when the answer to a commit was lost.
   *
   * @returns in order
   */
  async add(tx: Transaction, wanted: WantedEvent[]): Promise<StoredEvent[]> {
    const parameter = JSON.stringify(wanted.map((event, n) => ({ ...event, n })));
    const added = await rows<{ id: string }>(tx, addSql, [parameter]);
    const fresh = new Set(added.map(({ id }) => id));
    await this.send(
      tx,
      wanted.filter(({ id }) => fresh.has(id)),
    );
    const known = new Map<number, StoredEvent>();
    if (fresh.size < wanted.length) {
      for (const { n, ...event } of await rows<StoredEvent & { n: number }>(tx, knownSql, [
        parameter,
      ])) {
        known.set(n, event);
      }
    }
    return wanted.map(({ id, runId }, n) => known.get(n) ?? { id, runId, reused: false });
  }

  /** Sends the tasks of runs. */
  async send(
    tx: Transaction,
    runs: Pick<WantedEvent, 'id' | 'runId' | 'ownerId' | 'correlationId' | 'priority'>[],
  ): Promise<void> {
    const sends = runs.map(({ id, runId, ownerId, correlationId, priority }) => ({
      payload: { event_id: id },
      options: {
        id: runId,
        ...(ownerId !== null && { ownerId }),
        ...(correlationId !== null && { correlationId }),
        ...(priority !== undefined && { priority }),
      },
    }));
    await this.tasks.sendMany(tx, processIncomingEventTask, sends);
  }
}
