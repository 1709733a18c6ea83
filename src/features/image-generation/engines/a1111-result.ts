import sharp from 'sharp';
import { z } from 'zod';
import { EngineError } from './engine-error.js';
import type { EngineImage, Txt2ImgRequest } from './image-engine.js';

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
});

/** An answer that says it is what was asked; its pictures have not been looked at. */
export interface Answer {
  /** Base64, with the seed of each. */
  pictures: { base64: string; seed: number }[];
  model: string | null;
  modelHash: string | null;
  /** When the server began the job, in its own words. */
  jobTimestamp: string | undefined;
}

/** A 200 is no success until it tells of what was asked. @throws EngineError `bad_result` or `mismatch` */
export function readAnswer(request: Txt2ImgRequest, body: unknown): Answer {
  const parsed = answer.safeParse(body);
  if (!parsed.success) throw badResult('gave an answer of another shape');
  if (parsed.data.images.length === 0)
    throw badResult('gave no picture; its model may not be loaded');
  const about = info.safeParse(json(parsed.data.info));
  if (!about.success) throw badResult('gave no readable info with its pictures');
  const { sd_model_name: model = null, sd_model_hash: hash = null } = about.data;
  if (request.model !== undefined && !sameModel(request.model, model, hash)) {
    throw mismatch('another model than the one asked for');
  }
  checkSettings(request, about.data);
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

/** Some servers round sides, cut steps and ignore samplers they do not know, and say so only in their info. */
function checkSettings(request: Txt2ImgRequest, said: z.infer<typeof info>): void {
  for (const name of ['width', 'height', 'steps'] as const) {
    const used = said[name] ?? request[name];
    if (used !== request[name]) throw mismatch(`${name} ${used} instead of ${request[name]}`);
  }
  if (request.samplerName !== undefined && said.sampler_name === 'NONE') {
    throw mismatch('its own sampler, since it does not know the one asked for');
  }
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
  const contentType = typeOf(bytes);
  if (contentType === null) throw badResult('gave something that is no PNG, JPEG or WebP');
  const size = await decoded(() => sharp(bytes).metadata());
  if (size.width !== width || size.height !== height) {
    throw badResult(`gave a picture of ${size.width}×${size.height} instead of ${width}×${height}`);
  }
  // The size is in the head alone: only this reads the picture to its end. (stats() takes four times as long.)
  await decoded(() => sharp(bytes, { failOn: 'truncated' }).raw().toBuffer());
  return { bytes, contentType, width, height, seed };
}

async function decoded<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw badResult('gave a picture that cannot be decoded', error);
  }
}

function typeOf(bytes: Buffer): EngineImage['contentType'] | null {
  if (bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))) return 'image/png';
  if (bytes.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex'))) return 'image/jpeg';
  const webp =
    bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
  return webp ? 'image/webp' : null;
}

/**
 * A title is `folder/name.safetensors [hash]`; the answer names the bare name and the hash. Two hashes
 * of one length decide, for names may be equal in two folders; otherwise the names do.
 */
function sameModel(asked: string, name: string | null, hash: string | null): boolean {
  const askedHash = /\[([0-9a-f]+)\]$/i.exec(asked)?.[1]?.toLowerCase();
  const drawnHash = hash?.toLowerCase();
  if (askedHash && askedHash.length === drawnHash?.length) return askedHash === drawnHash;
  if (drawnHash && drawnHash === asked.toLowerCase()) return true;
  return name !== null && bareName(name) === bareName(asked);
}

function bareName(title: string): string {
  return title
    .replace(/ \[[0-9a-f]+\]$/i, '')
    .replace(/\.(safetensors|ckpt|gguf)$/i, '')
    .split(/[\\/]/)
    .at(-1)!
    .toLowerCase();
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
  return new EngineError('mismatch', `The Stable Diffusion server used ${used}.`);
}
