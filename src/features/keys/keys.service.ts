import { Injectable } from '@nestjs/common';
import { InvalidFieldsError, NotFoundError } from '../../common/app-error.js';
import { AuditLog } from '../audit/audit-log.js';
import { ApiKeys } from '../auth/api-keys.js';
import type { RequestUser } from '../auth/request-user.js';
import { listedKeyOf, type KeyList, type MadeKey, type NewKeyRequest } from './keys.dto.js';

/** Of one user, made over HTTP. */
const maxKeys = 100;

/** What users do with their own keys, and admins with everybody's. */
@Injectable()
export class KeysService {
  constructor(
    private readonly keys: ApiKeys,
    private readonly audit: AuditLog,
  ) {}

  /** @throws InvalidFieldsError for a scope that the asking credential does not have; TooManyKeysError */
  async create(user: RequestUser, request: NewKeyRequest): Promise<MadeKey> {
    const scopes = [...new Set(request.scopes ?? user.scopes)];
    const beyond = scopes.filter((scope) => !user.scopes.includes(scope));
    if (beyond.length > 0) {
      const message = `Your own credential does not have: ${beyond.join(', ')}.`;
      throw new InvalidFieldsError([{ path: 'scopes', message }]);
    }
    const { id, key } = await this.keys.create(user.id, {
      name: request.name,
      scopes,
      most: maxKeys,
      ...(request.expires_in !== undefined && { expiresInMs: request.expires_in * 1_000 }),
    });
    const made = await this.keys.find(id);
    // The user was deleted meanwhile.
    if (made === undefined) throw new NotFoundError('user');
    return { key, ...listedKeyOf(made) };
  }

  /** Those that are not revoked, expired ones included. */
  async list(user: RequestUser): Promise<KeyList> {
    const keys = await this.keys.list({ revoked: false, userId: user.id });
    return { keys: keys.map(listedKeyOf) };
  }

  /** Revoking a key again changes nothing. @throws NotFoundError for unknown keys and those of other users alike */
  async revoke(user: RequestUser, id: string): Promise<void> {
    const key = await this.keys.find(id);
    const own = key?.userId === user.id;
    if (key === undefined || !(own || user.role === 'admin')) throw new NotFoundError('key');
    if (!own) {
      const detail = { owner_id: key.userId };
      await this.audit.changes(user, { action: 'key.revoke', target: id, detail });
    }
    await this.keys.revoke(id);
  }
}
