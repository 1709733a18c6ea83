import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Scope } from './scopes.js';

@Entity('sessions')
export class SessionEntity {
  /** SHA-256 of the cookie's value. */
  @PrimaryColumn('bytea')
  digest!: Buffer;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @Column('text', { array: true })
  scopes!: Scope[];

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
