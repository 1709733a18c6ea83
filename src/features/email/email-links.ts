import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { query, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { ServerSecret } from '../../infrastructure/secret/server-secret.js';
import type { Language } from './languages.js';

export type LinkPurpose = 'verify' | 'reset';

/** Milliseconds. */
const validForMs: Record<LinkPurpose, number> = { verify: 86_400_000, reset: 3_600_000 };

/** What a link that is used stands for. */
export interface UsedLink {
  email: string;
  /** `verify`: of the password that was chosen at the registration. */
  passwordHash: string | null;
  /** `verify`: the language that was chosen then. */
  language: Language | null;
  /** `reset`: whose password it is. */
  userId: string | null;
}

/**
 * Links in mails: signed, for one purpose, for a limited time, to be used once. The token of a link is made of its
 * row's id and the server's secret, so no table and no queue has it.
 */
@Injectable()
export class EmailLinks {
  constructor(
    private readonly secret: ServerSecret,
    private readonly database: DataSource,
  ) {}

  /** Makes the link of a registration. @returns its id */
  async addVerify(
    tx: Transaction,
    email: string,
    chosen: { passwordHash: string; language: Language | null },
  ): Promise<string> {
    return this.add(tx, 'verify', { email, userId: null, ...chosen });
  }

  /** Makes the link for a new password. Earlier ones of the user end. @returns its id */
  async addReset(tx: Transaction, email: string, userId: string): Promise<string> {
    await tx.query(`DELETE FROM email_links WHERE user_id = $1`, [userId]);
    return this.add(tx, 'reset', { email, userId, passwordHash: null, language: null });
  }

  private async add(
    tx: Transaction,
    purpose: LinkPurpose,
    { email, passwordHash, language, userId }: UsedLink,
  ): Promise<string> {
    const id = uuidv7();
    await tx.query(
      `INSERT INTO email_links (id, purpose, email, password_hash, language, user_id, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 ms')`,
      [id, purpose, email, passwordHash, language, userId, validForMs[purpose]],
    );
    return id;
  }

  /** The token of a link: its id and a signature, 76 characters. */
  async tokenOf(purpose: LinkPurpose, id: string): Promise<string> {
    return `${id.replaceAll('-', '')}.${(await this.signature(purpose, id)).toString('base64url')}`;
  }

  /** Uses a link up, in the transaction of what it is for. @returns undefined when it is wrong, used or expired */
  async use(tx: Transaction, purpose: LinkPurpose, token: string): Promise<UsedLink | undefined> {
    const id = await this.idIn(purpose, token);
    if (id === undefined) return undefined;
    const [link] = await rows<UsedLink>(
      tx,
      `DELETE FROM email_links WHERE id = $1 AND purpose = $2 AND expires_at > now()
       RETURNING email, password_hash AS "passwordHash", language, user_id AS "userId"`,
      [id, purpose],
    );
    return link;
  }

  /** Who gets the mail with a link. @returns undefined when it was used, or is too old */
  async recipient(
    tx: Transaction,
    id: string,
  ): Promise<{ address: string; language: Language | null } | undefined> {
    const [link] = await rows<{ address: string; language: Language | null }>(
      tx,
      `SELECT email AS address, language FROM email_links WHERE id = $1 AND expires_at > now()`,
      [id],
    );
    return link;
  }

  /** What a link is for. @returns undefined when it was used, or is too old */
  async openPurpose(id: string): Promise<LinkPurpose | undefined> {
    const [link] = await query<{ purpose: LinkPurpose }>(
      this.database,
      `SELECT purpose FROM email_links WHERE id = $1 AND expires_at > now()`,
      [id],
    );
    return link?.purpose;
  }

  /** Whether the token was made here, for this purpose. Asks no database; it may have been used, or be too old. */
  async isGenuine(purpose: LinkPurpose, token: string): Promise<boolean> {
    return (await this.idIn(purpose, token)) !== undefined;
  }

  private async idIn(purpose: LinkPurpose, token: string): Promise<string | undefined> {
    const [, hex, signature] = /^([0-9a-f]{32})\.([\w-]{43})$/.exec(token) ?? [];
    if (hex === undefined || signature === undefined) return undefined;
    const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    // As text: the last character of base64url has bits that mean nothing.
    const right = (await this.signature(purpose, id)).toString('base64url');
    return timingSafeEqual(Buffer.from(signature), Buffer.from(right)) ? id : undefined;
  }

  private async signature(purpose: LinkPurpose, id: string): Promise<Buffer> {
    const key = await this.secret.keyFor(`email link: ${purpose}`);
    return createHmac('sha256', key).update(id).digest();
  }
}
