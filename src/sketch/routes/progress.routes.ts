import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { validationError } from '../api-error.js';
import type { SketchContext } from '../context.js';

const taskProgressSchema = z.object({
  id_task: z
    .string()
    .nullish()
    .transform((id) => id ?? null),
  id_live_preview: z.int().default(-1),
  live_preview: z.boolean().default(true),
});

/** Progress and interrupt: both global, except the /internal one. */
export function progressRoutes(app: FastifyInstance, context: SketchContext): void {
  app.get('/sdapi/v1/progress', () => context.engine.progress.global());

  app.post('/sdapi/v1/interrupt', () => {
    context.engine.interrupt();
    return {};
  });

  if (context.options.nowebui) return;
  app.get('/internal/ping', () => ({}));
  app.post('/internal/progress', (request) => {
    const read = taskProgressSchema.safeParse(request.body);
    if (!read.success) {
      throw validationError([
        { loc: ['body', 'id_task'], msg: 'str type expected', type: 'type_error.str' },
      ]);
    }
    return context.engine.progress.ofTask(read.data.id_task, read.data.id_live_preview);
  });
}
