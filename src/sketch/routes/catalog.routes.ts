import { freemem, totalmem } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { pythonError, validationError } from '../api-error.js';
import { loras, samplers, schedulers, upscalers } from '../catalog.js';
import { findCheckpoint } from '../checkpoints.js';
import type { SketchContext } from '../context.js';

const GIB = 1024 ** 3;
const optionsSchema = z.record(z.string(), z.unknown());

/** What the engine has: models, samplers, options, memory. */
export function catalogRoutes(app: FastifyInstance, context: SketchContext): void {
  app.get('/sdapi/v1/sd-models', () => context.checkpoints);
  app.get('/sdapi/v1/samplers', () => samplers);
  app.get('/sdapi/v1/schedulers', () => schedulers);
  app.get('/sdapi/v1/loras', () => loras);
  app.get('/sdapi/v1/upscalers', () => upscalers);
  app.get('/sdapi/v1/memory', memory);

  const others: Record<string, unknown> = {
    samples_format: context.options.format,
    return_grid: context.options.grid,
    sd_vae: 'Automatic',
    CLIP_stop_at_last_layers: 1,
  };
  app.get('/sdapi/v1/options', () => ({
    ...others,
    sd_model_checkpoint: context.engine.checkpoint.title,
    sd_checkpoint_hash: context.engine.checkpoint.sha256,
  }));
  app.post('/sdapi/v1/options', async (request, reply) => {
    const read = optionsSchema.safeParse(request.body);
    if (!read.success) {
      throw validationError([
        { loc: ['body'], msg: 'value is not a valid dict', type: 'type_error.dict' },
      ]);
    }
    const { sd_model_checkpoint: wanted, ...rest } = read.data;
    if (wanted !== undefined && wanted !== null) {
      const name = typeof wanted === 'string' ? wanted : JSON.stringify(wanted);
      const found = findCheckpoint(context.checkpoints, name);
      if (!found) throw pythonError(500, 'RuntimeError', `model '${name}' not found`);
      await context.engine.switchTo(found);
    }
    Object.assign(others, rest);
    return reply.type('application/json').send('null');
  });
}

function memory() {
  const used = 5 * GIB;
  const counted = { current: used, peak: used };
  return {
    ram: { free: freemem(), used: process.memoryUsage.rss(), total: totalmem() },
    cuda: {
      system: { free: 8 * GIB - used, used, total: 8 * GIB },
      active: counted,
      allocated: counted,
      reserved: counted,
      inactive: { current: 0, peak: 0 },
      events: { retries: 0, oom: 0 },
    },
  };
}
