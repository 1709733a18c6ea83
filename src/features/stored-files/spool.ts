import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query } from '../../infrastructure/database/transaction.js';

export interface SpoolSize {
  /** Pictures and files that wait for the storage. */
  files: number;
  bytes: number;
  /** When the first of them came; null: there are none. */
  oldestAt: Date | null;
}

/** How long a size is believed by those who do not need it exactly. Milliseconds. */
const freshMs = 2_000;

/** The table that holds bytes until the storage has them. */
@Injectable()
export class Spool {
  private known: { at: number; size: Promise<SpoolSize> } | undefined;

  constructor(private readonly database: DataSource) {}

  /** Reads no bytes of pictures: Postgres keeps their length beside the pointer to them. */
  async size(): Promise<SpoolSize> {
    const [found] = await query<{ files: number; bytes: string; oldestAt: Date | null }>(
      this.database,
      `SELECT count(*)::int AS files, coalesce(sum(octet_length(data)), 0) AS bytes,
              min(spooled_at) AS "oldestAt" FROM image_spool`,
    );
    return { ...found!, bytes: Number(found!.bytes) };
  }

  /** The size of a moment ago, so that many who ask cost one statement. */
  async recentSize(): Promise<SpoolSize> {
    const now = performance.now();
    if (this.known === undefined || now - this.known.at > freshMs) {
      this.known = { at: now, size: this.size() };
      this.known.size.catch(() => (this.known = undefined));
    }
    return this.known.size;
  }
}
