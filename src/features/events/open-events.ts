import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query } from '../../infrastructure/database/transaction.js';
import { TooManyOpenEventsError } from './events.errors.js';

/** Events of one user that are not processed yet. */
const mostOpen = 200_000;
/** How long a count is believed. Milliseconds. */
const believedMs = 1_000;
/** Users that are remembered. */
const mostUsers = 10_000;

/**
 * Bounds the backlog of each user. A count is believed for a second, so with several API processes the bound may be
 * exceeded by what they take in within one.
 */
@Injectable()
export class OpenEvents {
  private readonly counts = new Map<string, { open: number; until: number }>();

  constructor(private readonly database: DataSource) {}

  /** @throws TooManyOpenEventsError when the user has too many for `events` more */
  async admit(ownerId: string, events: number): Promise<void> {
    const known = this.counts.get(ownerId);
    const now = performance.now();
    const count = known && known.until > now ? known : await this.count(ownerId, now);
    if (count.open + events > mostOpen) throw new TooManyOpenEventsError(mostOpen);
    count.open += events;
  }

  private async count(ownerId: string, now: number) {
    const [found] = await query<{ open: number }>(
      this.database,
      `SELECT count(*)::int AS open FROM (
         SELECT FROM events WHERE owner_id = $1 AND status = 'ACCEPTED' LIMIT $2) found`,
      [ownerId, mostOpen],
    );
    const count = { open: found!.open, until: now + believedMs };
    this.counts.delete(ownerId);
    this.counts.set(ownerId, count);
    if (this.counts.size > mostUsers) this.counts.delete(this.counts.keys().next().value!);
    return count;
  }
}
