import sharp from 'sharp';
import { z } from 'zod';
import { EngineError } from './engine-error.js';
import type { EngineImage, EngineResult, Txt2ImgRequest } from './image-engine.js';

const answer = z.object({ images: z.array(z.string()), info: z.string() });
const info = z.object({
  all_seeds: z.array(z.number()).optional(),
  seed: z.number(),
  sd_model_name: z.string().nullish(),
  sd_model_hash: z.string().nullish(),
  index_of_first_image: z.number().int().min(0).optional(),
});

/** A 200 is no success until the pictures are what was asked. @throws EngineError `bad_result` */
export async function verifiedResult(
  request: Txt2ImgRequest,
  body: unknown,
): Promise<Omit<EngineResult, 'seconds'>> {
  const parsed = answer.safeParse(body);
  if (!parsed.success) throw bad('gave an answer of another shape');
  if (parsed.data.images.length === 0) throw bad('gave no picture; its model may not be loaded');
  const about = info.safeParse(json(parsed.data.info));
  if (!about.success) throw bad('gave no readable info with its pictures');
  const { sd_model_name: model = null, sd_model_hash: hash = null } = about.data;
  if (request.model !== undefined && !sameModel(request.model, model, hash)) {
    throw bad('used another model than the one asked for');
  }
  const pictures = parsed.data.images.slice(about.data.index_of_first_image ?? 0);
  if (pictures.length !== request.batchSize) {
    throw bad(`gave ${pictures.length} pictures instead of ${request.batchSize}`);
  }
  const images = await Promise.all(
    pictures.map((picture, i) =>
      verifiedImage(request, picture, about.data.all_seeds?.[i] ?? about.data.seed + i),
    ),
  );
  if (images[0]!.seed !== request.seed) throw bad('used another seed than the one asked for');
  return { images, model, modelHash: hash };
}

async function verifiedImage(
  { width, height }: Txt2ImgRequest,
  base64: string,
  seed: number,
): Promise<EngineImage> {
  const bytes = Buffer.from(base64, 'base64');
  const contentType = typeOf(bytes);
  if (contentType === null) throw bad('gave something that is no PNG, JPEG or WebP');
  const picture = () => sharp(bytes, { limitInputPixels: width * height, failOn: 'truncated' });
  let size: { width: number; height: number };
  try {
    size = await picture().metadata();
    if (size.width === width && size.height === height) await picture().stats();
  } catch (error) {
    throw bad('gave a picture that cannot be decoded', error);
  }
  if (size.width !== width || size.height !== height) {
    throw bad(`gave a picture of ${size.width}×${size.height} instead of ${width}×${height}`);
  }
  return { bytes, contentType, width, height, seed };
}

function typeOf(bytes: Buffer): EngineImage['contentType'] | null {
  if (bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))) return 'image/png';
  if (bytes.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex'))) return 'image/jpeg';
  const webp =
    bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
  return webp ? 'image/webp' : null;
}

/** A title is `name.safetensors [hash]`; the answer names the bare name and the hash. */
function sameModel(asked: string, name: string | null, hash: string | null): boolean {
  const bare = (text: string) =>
    text
      .replace(/ \[[0-9a-f]+\]$/i, '')
      .replace(/\.(safetensors|ckpt|gguf)$/i, '')
      .split(/[\\/]/)
      .at(-1)!
      .toLowerCase();
  const askedHash = /\[([0-9a-f]+)\]$/i.exec(asked)?.[1] ?? asked;
  return (name !== null && bare(name) === bare(asked)) || (hash !== null && hash === askedHash);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function bad(what: string, cause?: unknown): EngineError {
  return new EngineError('bad_result', `The Stable Diffusion server ${what}.`, { cause });
}
