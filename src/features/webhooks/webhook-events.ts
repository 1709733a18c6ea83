import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { NewDeliveries, type Target } from './new-deliveries.js';
import { ProgressThrottle } from './progress-throttle.js';
import { bodyOf, type WebhookEvent } from './webhook-event.js';

/** Announcements of one process that nobody waits for. */
const maxUnderWay = 20;

/** Tells users of events, at the addresses that they have chosen. */
@Injectable()
export class WebhookEvents {
  private readonly log = new Logger('Webhooks');
  private readonly throttle = new ProgressThrottle();
  private underWay = 0;

  constructor(
    private readonly database: DataSource,
    private readonly deliveries: NewDeliveries,
  ) {}

  /**
   * Stores an event for each endpoint of the user that wants it, and for `url`, in the caller's transaction; tasks
   * deliver it after the commit. Announcing it again changes nothing. Without a target it is one indexed query.
   */
  async announce(tx: Transaction, event: WebhookEvent): Promise<void> {
    const { type, userId, url, key, data } = event;
    const [user] = await rows<{ now: number; endpoints: string[] }>(
      tx,
      `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::float8 AS now,
              ARRAY(SELECT id FROM webhook_endpoints
                     WHERE user_id = users.id AND enabled AND $2 = ANY(events)) AS endpoints
         FROM users WHERE id = $1 AND deleted_at IS NULL`,
      [userId, type],
    );
    const targets: Target[] = (user?.endpoints ?? []).map((id) => ({ laneId: id, url: null }));
    if (user && url !== undefined) targets.push({ laneId: userId, url });
    if (!user || targets.length === 0) return;
    const body = bodyOf(type, data, user.now);
    await this.deliveries.add(tx, { type, userId, key, body }, targets);
  }

  /**
   * The same in a transaction of its own, for what may be missed: the start of a task and its progress, of which at
   * most one in five seconds is told. Returns at once and never throws.
   *
   * Failure window: the process dies, or the database is away. Then nobody is told.
   */
  announceSoon(event: WebhookEvent): void {
    if (event.type === 'task.progress' && !this.throttle.admits(event.key)) return;
    if (this.underWay >= maxUnderWay) return;
    this.underWay++;
    inTransaction(this.database, (tx) => this.announce(tx, event))
      .catch((error: unknown) => {
        this.log.debug(`An event was not announced: ${messageOf(error)}`);
      })
      .finally(() => this.underWay--);
  }
}
