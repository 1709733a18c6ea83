import type { FastifyInstance } from 'fastify';
import { ZodError } from 'zod';
import { ApiError } from '../api-error.js';
import { stateOf, type SketchContext } from '../context.js';
import type { MisbehaviourInput } from '../misbehaviour.js';

/** For tests and demonstrations; no real engine has these. */
export function controlRoutes(app: FastifyInstance, context: SketchContext): void {
  app.get('/sketch/state', () => stateOf(context));

  app.post('/sketch/misbehave', (request) => {
    try {
      context.misbehaviours.add(request.body as MisbehaviourInput);
    } catch (error) {
      if (error instanceof ZodError) throw new ApiError(422, { detail: error.issues });
      throw error;
    }
    return { misbehaviours: context.misbehaviours.list() };
  });

  app.delete('/sketch/misbehave', () => {
    context.misbehaviours.clear();
    return { misbehaviours: [] };
  });
}
