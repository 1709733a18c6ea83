import sharp from 'sharp';
import { z } from 'zod';
import { isAnother, isChoice } from './engine-capabilities.js';
import { pictureTypeOf } from '../../images/picture-type.js';
import { EngineError } from './engine-errors.js';
import { sameModel } from './engine-names.js';
import type { EngineCapabilities, EngineImage, Txt2ImgRequest } from './image-engine.js';

const answer = z.object({ images: z.array(z.string()), info: z.string() });
const info = z.object({
  all_seeds: z.array(z.number()).optional(),
  seed: z.number(),
  sd_model_name: z.string().nullish(),
  sd_model_hash: z.string().nullish(),
  index_of_first_image: z.number().int().min(0).optional(),
  job_timestamp: z.string().optional(),
  width: z.number().nullish(),
  height: z.number().nullish(),
  steps: z.number().nullish(),
  sampler_name: z.string().nullish(),
  extra_generation_params: z.record(z.string(), z.unknown()).nullish(),
  infotexts: z.array(z.string()).nullish(),
  version: z.string().nullish(),
});
type Info = z.infer<typeof info>;

/** An answer whose fields match the request; its pictures have not been checked. */
export interface Answer {
  /** Base64, with the seed of each. */
  pictures: { base64: string; seed: number }[];
  model: string | null;
  modelHash: string | null;
  /** When the server began the job, in the server's own format. */
  jobTimestamp: string | undefined;
}

/**
 * Checks that a 200 is really the answer to the request.
 *
 * @param can the server's lists, which hold other names of the same sampler
 * @throws EngineError `bad_result` or `mismatch`
 */
export function readAnswer(
  request: Txt2ImgRequest,
  body: unknown,
  can?: EngineCapabilities,
): Answer {
  const parsed = answer.safeParse(body);
  if (!parsed.success) throw badResult('gave an answer in an unexpected format');
  if (parsed.data.images.length === 0)
    throw badResult('gave no picture; its model may not be loaded');
  const about = info.safeParse(json(parsed.data.info));
  if (!about.success) throw badResult('gave no readable info with its pictures');
  const { sd_model_name: model = null, sd_model_hash: hash = null } = about.data;
  if (request.model !== undefined && !sameModel(request.model, model, hash)) {
    throw mismatch('another model than the one asked for');
  }
  checkSettings(request, about.data, can);
  const pictures = parsed.data.images
    .slice(about.data.index_of_first_image ?? 0)
    .map((base64, i) => ({
      base64,
      seed: about.data.all_seeds?.[i] ?? about.data.seed + i,
    }));
  if (pictures.length !== request.batchSize) {
    throw badResult(`gave ${pictures.length} pictures instead of ${request.batchSize}`);
  }
  if (pictures[0]!.seed !== request.seed) {
    throw mismatch('another seed than the one asked for');
  }
  return { pictures, model, modelHash: hash, jobTimestamp: about.data.job_timestamp };
}

/** Some servers round sides, limit steps and replace unknown names, and report this only in their info. */
function checkSettings(request: Txt2ImgRequest, said: Info, can?: EngineCapabilities): void {
  for (const name of ['width', 'height', 'steps'] as const) {
    const used = said[name] ?? request[name];
    if (used !== request[name]) throw mismatch(`${name} ${used} instead of ${request[name]}`);
  }
  const { samplerName, scheduler } = request;
  if (isChoice(samplerName) && typeof said.sampler_name === 'string') {
    const ignored = said.sampler_name === 'NONE';
    if (ignored || isAnother(can?.samplers, samplerName, said.sampler_name)) {
      throw mismatch('another sampler than the one asked for');
    }
  }
  if (!isChoice(scheduler)) return;
  const used = scheduleOf(said);
  const ignored = used === undefined && said.version === 'stable-diffusion.cpp';
  if (ignored || (used !== undefined && isAnother(can?.schedulers, scheduler, used))) {
    throw mismatch('another scheduler than the one asked for');
  }
}

/** Some servers do not report it, and A1111 does not for samplers without a schedule. */
function scheduleOf({ extra_generation_params: extra, infotexts }: Info): string | undefined {
  const told = extra?.['Schedule type'];
  if (typeof told === 'string') return told;
  // Only the last line: the lines before belong to the prompt.
  const settings = infotexts?.at(-1)?.split('\n').at(-1) ?? '';
  return /(?:^|, )Schedule type: ([^,]+)/.exec(settings)?.[1];
}

/** Decodes each picture to its end. @throws EngineError `bad_result` */
export async function verifiedImages(
  request: Txt2ImgRequest,
  { pictures }: Answer,
): Promise<EngineImage[]> {
  return Promise.all(pictures.map(({ base64, seed }) => verifiedImage(request, base64, seed)));
}

async function verifiedImage(
  { width, height }: Txt2ImgRequest,
  base64: string,
  seed: number,
): Promise<EngineImage> {
  const bytes = Buffer.from(base64, 'base64');
  const contentType = pictureTypeOf(bytes);
  if (contentType === null) throw badResult('gave a file that is not a PNG, JPEG or WebP');
  const size = await decoded(() => sharp(bytes).metadata());
  if (size.width !== width || size.height !== height) {
    const got = `a picture of ${size.width}×${size.height} instead of ${width}×${height}`;
    const rounded = isRounded(size.width, width) && isRounded(size.height, height);
    throw rounded ? mismatch(`another size: ${got}`) : badResult(`gave ${got}`);
  }
  // The header alone gives the size; only this reads the picture to its end. (stats() takes four times as long.)
  await decoded(() => sharp(bytes, { failOn: 'truncated' }).raw().toBuffer());
  return { bytes, contentType, width, height, seed };
}

/** Whether a side was rounded up to a multiple that the model needs; its server would do that again. */
function isRounded(drawn: number, asked: number): boolean {
  return drawn === asked || [16, 32, 64].some((m) => drawn === Math.ceil(asked / m) * m);
}

async function decoded<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw badResult('gave a picture that cannot be decoded', error);
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function badResult(what: string, cause?: unknown): EngineError {
  return new EngineError('bad_result', `The Stable Diffusion server ${what}.`, { cause });
}

function mismatch(used: string): EngineError {
  return new EngineError('mismatch', `The Stable Diffusion server used ${used}.`, {
    shown: `it used ${used}`,
  });
}
