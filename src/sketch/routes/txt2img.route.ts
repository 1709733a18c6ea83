import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { httpException } from '../api-error.js';
import { findSampler, scriptNames } from '../catalog.js';
import type { SketchContext } from '../context.js';
import { badDeliveryOf } from '../delivery.js';
import type { Drawn, JobFault } from '../engine.js';
import { infoJson } from '../infotext.js';
import type { JobRecord } from '../job-record.js';
import type { Misbehaviour, MisbehaviourKind } from '../misbehaviour.js';
import { refusalFor } from '../refusals.js';
import { otherCheckpoint, txt2ImgAnswer } from '../txt2img-answer.js';
import { asSdServerReads, type ReadRequest } from '../sd-server.js';
import { readTxt2Img, type Txt2ImgRequest } from '../txt2img-request.js';

export function txt2ImgRoute(app: FastifyInstance, context: SketchContext): void {
  app.post('/sdapi/v1/txt2img', async (request, reply) => {
    context.requests += 1;
    context.inFlight += 1;
    context.maxInFlight = Math.max(context.maxInFlight, context.inFlight);
    try {
      return await answer(request.body, reply, context);
    } finally {
      context.inFlight -= 1;
    }
  });
}

async function answer(
  body: unknown,
  reply: FastifyReply,
  context: SketchContext,
): Promise<FastifyReply> {
  const order = context.misbehaviours.take();
  if (order?.kind === 'never_answer') {
    reply.hijack();
    if (!reply.raw.closed) await once(reply.raw, 'close');
    return reply;
  }
  const refusal = order && refusalFor(order);
  if (refusal) throw refusal;

  const asked = readTxt2Img(body);
  const { request, sampler, seed, info } =
    context.options.mode === 'sd-server' ? asSdServerReads(asked) : asA1111Reads(asked);

  const drawn = await draw(request, seed, order, context);
  if (drawn === 'lost') {
    reply.hijack();
    reply.raw.destroy();
    return reply;
  }
  const json = await txt2ImgAnswer({
    asked,
    request,
    sampler,
    seed,
    info,
    drawn,
    format: context.options.format,
    grid: context.options.grid,
    fault: order?.kind,
  });
  const deliverBadly = badDeliveryOf(order);
  if (order && deliverBadly) {
    reply.hijack();
    await deliverBadly(reply.raw, json, order);
    return reply;
  }
  return reply.type('application/json').send(json);
}

function asA1111Reads(request: Txt2ImgRequest): ReadRequest {
  refuseUnknownScripts(request);
  const sampler = findSampler(request.sampler_name ?? request.sampler_index, request.scheduler);
  if (!sampler) throw httpException(404, 'Sampler not found');
  const seed = request.seed === -1 ? randomInt(2 ** 32 - 2) : request.seed;
  return { request, sampler, seed, info: infoJson };
}

async function draw(
  request: Txt2ImgRequest,
  seed: number,
  order: Misbehaviour | undefined,
  context: SketchContext,
): Promise<Drawn | 'lost'> {
  const { engine } = context;
  const record: JobRecord = {
    id_task: request.force_task_id ?? `task(txt2img-${randomUUID().slice(0, 7).toUpperCase()})`,
    seed,
    model: engine.checkpoint.model_name,
    steps: request.steps,
    started_at_ms: null,
    finished_at_ms: null,
    outcome: 'queued',
  };
  context.jobs.push(record);
  try {
    const drawn = await engine.run(
      {
        idTask: record.id_task,
        request,
        seed,
        fault: (order && FAULTS[order.kind]?.(order, context)) ?? {},
      },
      record,
    );
    if (order?.kind !== 'wrong_model') return drawn;
    const checkpoint = otherCheckpoint(context.checkpoints, drawn.checkpoint);
    record.model = checkpoint.model_name;
    return { ...drawn, checkpoint };
  } catch (error) {
    if (engine.stopped) return 'lost';
    throw error;
  }
}

const FAULTS: Partial<
  Record<MisbehaviourKind, (order: Misbehaviour, context: SketchContext) => JobFault>
> = {
  slow: ({ stepMs }) => ({ stepMs }),
  oom_a1111: () => ({ outOfMemory: true }),
  oom_then_frozen_progress: () => ({ outOfMemory: true, frozen: true }),
  half_denoised: (_order, context) => ({ onHalfway: () => context.engine.interrupt() }),
  restart: ({ ms }, context) => ({ onHalfway: () => void context.restart(ms) }),
};

function refuseUnknownScripts(request: Txt2ImgRequest): void {
  if (request.script_name) throw httpException(422, `Script '${request.script_name}' not found`);
  const unknown = Object.keys(request.alwayson_scripts).find(
    (name) => !scriptNames.includes(name.toLowerCase()),
  );
  if (unknown) throw httpException(422, `always on script ${unknown} not found`);
}
