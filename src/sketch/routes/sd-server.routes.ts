import type { FastifyInstance } from 'fastify';
import type { SketchContext } from '../context.js';
import { sdServerSamplers, sdServerSchedulers } from '../sd-server.js';

/** What sd-server reports about itself. It has no progress, no interrupt, no memory, and one model. */
export function sdServerRoutes(app: FastifyInstance, context: SketchContext): void {
  const { model_name: name } = context.engine.checkpoint;
  const samplers = ['default', ...sdServerSamplers];
  const schedulers = ['default', ...sdServerSchedulers];

  app.get('/sdapi/v1/sd-models', () => [
    {
      title: name,
      model_name: name,
      filename: `${name}.safetensors`,
      hash: '8'.repeat(10),
      sha256: '8'.repeat(64),
      config: null,
    },
  ]);
  app.get('/sdapi/v1/samplers', () =>
    samplers.map((one) => ({ name: one, aliases: [one], options: {} })),
  );
  app.get('/sdapi/v1/schedulers', () => schedulers.map((one) => ({ name: one, label: one })));
  app.get('/sdapi/v1/loras', () => []);
  app.get('/sdapi/v1/options', () => ({ samples_format: 'png', sd_model_checkpoint: name }));
  app.get('/sdcpp/v1/capabilities', () => ({
    model: { name: `${name}.safetensors`, stem: name },
    supported_modes: ['img_gen'],
    samplers,
    schedulers,
    limits: {
      min_width: 64,
      max_width: 4096,
      min_height: 64,
      max_height: 4096,
      max_batch_count: 8,
      max_queue_size: 64,
    },
  }));
}
