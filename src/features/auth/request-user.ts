import type { Role } from './user.entity.js';

/** Who sent the request, once it is admitted. */
export interface RequestUser {
  id: string;
  name: string;
  role: Role;
}

declare module 'fastify' {
  interface FastifyRequest {
    user?: RequestUser;
  }
}
