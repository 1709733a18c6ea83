import { z } from 'zod';

/** Any JSON. One schema with a name, which OpenAPI shows where it refers to itself. */
export const anyJson = z.json().register(z.globalRegistry, { id: 'AnyJson' });
