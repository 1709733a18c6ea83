import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { placeOf } from '../../infrastructure/http/time-cursor.js';
import { generateImageTask } from '../image-generation/image-generation.tasks.js';
import type { Feedback } from './generation-feedback.event.js';

export interface RatedGeneration {
  ownerId: string;
  taskId: string;
  model: string;
}

export interface ModelFigures {
  model: string;
  ratings: number;
  mean: number;
  flagged: number;
}

export interface FlaggedFeedback extends RatedGeneration {
  eventId: string;
  rating: number;
  text: string | null;
  createdAt: Date;
}

/** Where the engine did not say. */
const unknownModel = 'unknown';
const mostModels = 200;
const figures = `model, count(*)::int AS ratings, round(avg(rating), 2)::float8 AS mean,
  count(*) FILTER (WHERE flagged)::int AS flagged`;

/** What users say of their generations. */
@Injectable()
export class FeedbackRows {
  constructor(private readonly database: DataSource) {}

  /** @returns undefined when the user has no such generation, or it has made no picture */
  async generation(ownerId: string, taskId: string): Promise<RatedGeneration | undefined> {
    const [found] = await query<{ model: string | null }>(
      this.database,
      `SELECT coalesce(result->>'model', payload->>'model') AS model FROM tasks
        WHERE id = $1 AND owner_id = $2 AND name = $3 AND state = 'SUCCESS'`,
      [taskId, ownerId, generateImageTask.name],
    );
    return found && { ownerId, taskId, model: found.model ?? unknownModel };
  }

  /** Puts it in the place of an earlier one. @returns false: there is a newer one, or the user is gone */
  async put(
    tx: Transaction,
    { ownerId, taskId, model }: RatedGeneration,
    { rating, text }: Feedback,
    event: { id: string; createdAt: Date },
  ): Promise<boolean> {
    const stored = await rows(
      tx,
      `INSERT INTO generation_feedback AS known (owner_id, task_id, event_id, model, rating, text, created_at)
       SELECT id, $2, $3, $4, $5, $6, $7
         FROM users WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE
       ON CONFLICT (owner_id, task_id) DO UPDATE
          SET event_id = excluded.event_id, model = excluded.model, rating = excluded.rating,
              text = excluded.text, created_at = excluded.created_at, flagged = false
        WHERE known.created_at <= excluded.created_at
       RETURNING task_id`,
      [ownerId, taskId, event.id, model, rating, text ?? null, event.createdAt],
    );
    return stored.length > 0;
  }

  /** Nothing happens when newer feedback has come in between. */
  async flag(tx: Transaction, eventId: string, ownerId: string, taskId: string): Promise<void> {
    await tx.query(
      `UPDATE generation_feedback SET flagged = true
        WHERE owner_id = $1 AND task_id = $2 AND event_id = $3`,
      [ownerId, taskId, eventId],
    );
  }

  async ofModel(model: string): Promise<ModelFigures | undefined> {
    const sql = `SELECT ${figures} FROM generation_feedback WHERE model = $1 GROUP BY model`;
    return (await query<ModelFigures>(this.database, sql, [model]))[0];
  }

  /** Those with the most ratings first. */
  async ofModels(): Promise<ModelFigures[]> {
    return query<ModelFigures>(
      this.database,
      `SELECT ${figures} FROM generation_feedback GROUP BY model
        ORDER BY ratings DESC, model LIMIT ${mostModels}`,
      [],
    );
  }

  /** A page and one more, the newest first. */
  async flagged(limit: number, cursor: string | undefined): Promise<FlaggedFeedback[]> {
    const { at, id } = placeOf(cursor);
    return query<FlaggedFeedback>(
      this.database,
      `SELECT owner_id AS "ownerId", task_id AS "taskId", event_id AS "eventId", model, rating, text,
              created_at AS "createdAt"
         FROM generation_feedback
        WHERE flagged AND (created_at, task_id) < (
              coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        ORDER BY created_at DESC, task_id DESC LIMIT $1`,
      [limit + 1, at, id],
    );
  }
}
