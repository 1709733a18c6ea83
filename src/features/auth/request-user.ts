import type { Role } from './user.entity.js';

/** The user who sent the request; set when the request is admitted. */
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
