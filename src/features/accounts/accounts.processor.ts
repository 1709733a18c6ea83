import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, query, rows } from '../../infrastructure/database/transaction.js';
import { completeWith, type TaskContext } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { RetryableTaskError } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { EmailLinks } from '../email/email-links.js';
import { MailOutbox } from '../email/mail-outbox.js';
import { ImageRemoval } from '../images/image-removal.js';
import { removalBatch } from '../images/images.tasks.js';
import { deleteAccountTask, forgotPasswordTask } from './accounts.tasks.js';

/** Rows of one statement. */
const batchSize = 500;

/** Each step can be repeated, so an attempt that dies is made up for by the next. */
@Injectable()
export class AccountsProcessor {
  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
    private readonly removal: ImageRemoval,
    private readonly links: EmailLinks,
    private readonly mails: MailOutbox,
  ) {}

  @HandlesTask(forgotPasswordTask)
  async forgotPassword({ request_id }: Payload<typeof forgotPasswordTask>) {
    return completeWith(async (tx) => {
      const [user] = await rows<{ id: string; email: string }>(
        tx,
        `WITH request AS (DELETE FROM password_requests WHERE id = $1 RETURNING email)
         SELECT id, email FROM users JOIN request USING (email)`,
        [request_id],
      );
      if (user) {
        const link_id = await this.links.addReset(tx, user.email, user.id);
        const values = { link_id };
        await this.mails.add(tx, { template: 'reset', userId: user.id, key: link_id, values });
      }
      return null;
    });
  }

  @HandlesTask(deleteAccountTask)
  async deleteAccount(
    { user_id: userId }: Payload<typeof deleteAccountTask>,
    context: TaskContext,
  ) {
    await this.endTasks(userId);
    const images = await this.deleteImages(userId, context);
    const files = await this.deleteFiles(userId, context);
    await query(this.database, `DELETE FROM idempotency_keys WHERE owner_id = $1`, [userId]);
    await query(this.database, `DELETE FROM chats WHERE owner_id = $1`, [userId]);
    await this.deleteEvents(userId, context);
    const tasks = await this.deleteTasks(userId, context);
    await this.deleteDeliveries(userId, context);
    await query(this.database, `DELETE FROM users WHERE id = $1`, [userId]);
    return { images, files, tasks };
  }

  /** A task that is still running could write once more. */
  private async endTasks(userId: string): Promise<void> {
    const open = await query<{ id: string }>(
      this.database,
      `SELECT id FROM tasks WHERE owner_id = $1 AND finished_at IS NULL`,
      [userId],
    );
    if (open.length === 0) return;
    const revoked = await this.tasks.revoke(open.map(({ id }) => id));
    if (revoked.some(({ outcome }) => outcome === 'stopping')) {
      throw new RetryableTaskError('still_running', 'Tasks of the user are still ending.');
    }
    // Those that were sent meanwhile.
    return this.endTasks(userId);
  }

  private async deleteImages(userId: string, { signal }: TaskContext): Promise<number> {
    for (let total = 0; ;) {
      signal.throwIfAborted();
      const removed = await inTransaction(this.database, async (tx) => {
        const images = await rows<{ id: string }>(
          tx,
          `SELECT id FROM generated_images WHERE owner_id = $1 LIMIT ${removalBatch}`,
          [userId],
        );
        const ids = images.map(({ id }) => id);
        return this.removal.remove(tx, ids);
      });
      if (removed === 0) return total;
      total += removed;
    }
  }

  private async deleteFiles(userId: string, { signal }: TaskContext): Promise<number> {
    for (let total = 0; ;) {
      signal.throwIfAborted();
      const removed = await inTransaction(this.database, (tx) =>
        this.removal.removeFiles(tx, userId),
      );
      if (removed === 0) return total;
      total += removed;
    }
  }

  /** Those of webhooks; what else there is of those goes with the user's row. */
  private async deleteDeliveries(userId: string, { signal }: TaskContext): Promise<void> {
    for (let gone = batchSize; gone === batchSize;) {
      signal.throwIfAborted();
      const deleted = await query(
        this.database,
        `DELETE FROM webhook_deliveries WHERE id IN (
           SELECT id FROM webhook_deliveries WHERE user_id = $1 LIMIT ${batchSize}) RETURNING id`,
        [userId],
      );
      gone = deleted.length;
    }
  }

  /** With their runs and documents. Those of services that sign with the user's secrets too. */
  private async deleteEvents(userId: string, { signal }: TaskContext): Promise<void> {
    for (let gone = batchSize; gone === batchSize;) {
      signal.throwIfAborted();
      const deleted = await query(
        this.database,
        `DELETE FROM events WHERE id IN (
           SELECT id FROM events WHERE owner_id = $1 LIMIT ${batchSize}) RETURNING id`,
        [userId],
      );
      gone = deleted.length;
    }
  }

  private async deleteTasks(userId: string, { signal }: TaskContext): Promise<number> {
    for (let total = 0; ;) {
      signal.throwIfAborted();
      const gone = await query(
        this.database,
        `DELETE FROM tasks WHERE id IN (
           SELECT id FROM tasks WHERE owner_id = $1 LIMIT ${batchSize}) RETURNING id`,
        [userId],
      );
      if (gone.length === 0) return total;
      total += gone.length;
    }
  }
}
