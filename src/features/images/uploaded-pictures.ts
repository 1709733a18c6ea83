import { Injectable } from '@nestjs/common';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskHistory } from '../../tasks/history/task-history.js';

/** Notes in the history of generations that no picture of theirs waits for its upload any more. */
@Injectable()
export class UploadedPictures {
  constructor(private readonly history: TaskHistory) {}

  /**
   * To be called when pictures of these tasks were stored or deleted, in the same transaction. Of two transactions
   * that do so at once for the same task, the second waits here and sees what the first has done.
   */
  async note(tx: Transaction, taskIds: string[]): Promise<void> {
    const tasks = await rows<{ id: string }>(
      tx,
      `SELECT id FROM tasks WHERE id = ANY($1) AND followed AND state = 'SUCCESS'
        ORDER BY id FOR NO KEY UPDATE`,
      [taskIds],
    );
    if (tasks.length === 0) return;
    const ids = tasks.map(({ id }) => id);
    const waiting = await rows<{ id: string }>(
      tx,
      `SELECT DISTINCT task_id AS id FROM generated_images
        WHERE task_id = ANY($1) AND stored_at IS NULL`,
      [ids],
    );
    const done = ids.filter((id) => !waiting.some((other) => other.id === id));
    await this.history.add(tx, 'uploaded', done);
  }
}
