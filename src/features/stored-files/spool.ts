import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { unhurried } from '../../infrastructure/database/request-deadline.js';
import { query } from '../../infrastructure/database/transaction.js';
import type { StoredObject } from '../storage/object-storage.js';
import { spooledStream } from './spooled-stream.js';

export interface SpoolSize {
  /** Pictures and files that wait for the storage. */
  files: number;
  bytes: number;
  /** When the first of them came; null: there are none. */
  oldestAt: Date | null;
}

/** How long a size is believed by those who do not need it exactly. Milliseconds. */
const freshMs = 2_000;

/** What each reader of the spool holds at a time: a usual picture has one or two pieces. */
const pieceBytes = 256 * 1024;

/** $1: whose bytes, $2: from which one on, the first is 1. */
const pieceOf = {
  image: `SELECT substring(data FROM $2 FOR ${pieceBytes}) AS piece FROM image_spool WHERE image_id = $1`,
  file: `SELECT substring(data FROM $2 FOR ${pieceBytes}) AS piece FROM image_spool WHERE file_id = $1`,
};

/** Something in the spool. */
export interface Spooled {
  kind: keyof typeof pieceOf;
  id: string;
  bytes: number;
}

/** The table that holds bytes until the storage has them. */
@Injectable()
export class Spool {
  private known: { at: number; size: Promise<SpoolSize> } | undefined;

  constructor(private readonly database: DataSource) {}

  /**
   * The bytes as a stream that needs little memory, however slow its reader is. They may go to storage while they are
   * read; the rest then comes from there.
   *
   * @param stored opens the object, when the spool does not have it any more
   * @returns undefined when the spool does not have it
   */
  async open(
    spooled: Spooled,
    stored: () => Promise<StoredObject>,
  ): Promise<StoredObject | undefined> {
    const first = await this.piece(spooled, 0);
    if (first === undefined) return undefined;
    const { bytes } = spooled;
    // The answer has begun: its time for the database is over, and a busy database must not break it off.
    const readOn = (offset: number) =>
      unhurried(async () => (await this.piece(spooled, offset)) ?? (await stored()).stream);
    return { stream: spooledStream(first, bytes, readOn), bytes };
  }

  private async piece({ kind, id }: Spooled, offset: number): Promise<Buffer | undefined> {
    const [found] = await query<{ piece: Buffer }>(this.database, pieceOf[kind], [id, offset + 1]);
    return found?.piece;
  }

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
