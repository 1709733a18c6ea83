import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../infrastructure/database/transaction.js';
import type { Role } from '../auth/user.entity.js';
import { refuseIfLastAdmin } from './last-admin.js';

/** Who is an admin. Only whoever has the command line decides that. */
@Injectable()
export class UserRoles {
  constructor(private readonly database: DataSource) {}

  /** Holds from the next request, for keys, logins and sessions that exist too. @throws LastAdminError */
  async set(userId: string, role: Role): Promise<void> {
    await inTransaction(this.database, async (tx) => {
      if (role !== 'admin') await refuseIfLastAdmin(tx, userId);
      await tx.query(`UPDATE users SET role = $2 WHERE id = $1 AND deleted_at IS NULL`, [
        userId,
        role,
      ]);
    });
  }
}
