import type { Scope } from './scopes.js';
import type { Role } from './user.entity.js';

export interface User {
  id: string;
  name: string;
  role: Role;
}

/** The user who sent the request; set when the request is admitted. The role is what the credential's scopes leave of it. */
export interface RequestUser extends User {
  scopes: Scope[];
  /** When the key or the session ends; null: never. */
  credentialExpiresAt: Date | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    user?: RequestUser;
  }
}
