import { z } from 'zod';
import type { A1111Http } from './a1111-http.js';
import type { Listed, ListedModel } from './engine-names.js';
import type { EngineLimits } from './image-engine.js';

const text = z.string().nullish();
const models = z.array(
  z.object({ title: z.string(), model_name: text, filename: text, hash: text, sha256: text }),
);
const names = z.array(
  z.object({ name: z.string(), label: text, aliases: z.array(z.string()).nullish() }),
);
const nativeCapabilities = z.object({
  samplers: z.array(z.string()),
  limits: z
    .object({ max_width: z.number(), max_height: z.number(), max_batch_count: z.number() })
    .partial()
    .optional(),
});

/** @returns undefined when the body is not a list of models */
export function readModels(body: unknown): ListedModel[] | undefined {
  return models.safeParse(body).data?.map(({ title, model_name, filename, hash, sha256 }) => {
    const known = hash && hash !== placeholderHash ? hash : null;
    const file = filename?.split(/[\\/]/).at(-1);
    return {
      title,
      name: model_name ?? title,
      aliases: [file, filename, ...(known ? [known, sha256] : [])].filter(
        (alias) => typeof alias === 'string',
      ),
      hash: known,
    };
  });
}

/** @returns undefined when the server has no such list */
export async function askForNames(
  http: A1111Http,
  path: string,
  askMs: number,
): Promise<Listed[] | undefined> {
  const { status, data } = await http.get(path, askMs);
  const listed = status === 200 ? names.safeParse(data).data : undefined;
  if (!listed || listed.length === 0) return undefined;
  return listed.map(({ name, label, aliases }) => ({
    name,
    aliases: [...(typeof label === 'string' ? [label] : []), ...(aliases ?? [])],
  }));
}

/** stable-diffusion.cpp has no hashes and sends eights instead. */
const placeholderHash = '8888888888';

/**
 * Recognises stable-diffusion.cpp's `sd-server` by its placeholder for a model's hash and by its native list of
 * capabilities, which no other server of the family has. The list is requested only when something points to
 * `sd-server`, since other servers log a request for a missing route.
 *
 * @returns undefined for any other server
 */
export async function sdServerLimits(
  http: A1111Http,
  modelsBody: unknown,
  pointsToIt: boolean,
  askMs: number,
): Promise<EngineLimits | undefined> {
  const marked = models.safeParse(modelsBody).data?.some(({ hash }) => hash === placeholderHash);
  if (!marked && !pointsToIt) return undefined;
  const { status, data } = await http.get('/sdcpp/v1/capabilities', askMs);
  const native = status === 200 ? nativeCapabilities.safeParse(data).data : undefined;
  if (!marked && !native) return undefined;
  const { max_width, max_height, max_batch_count } = native?.limits ?? {};
  const maxSide = Math.min(max_width ?? Infinity, max_height ?? Infinity);
  return {
    ...ofSdServer,
    ...(maxSide < Infinity && { maxSide }),
    ...(max_batch_count !== undefined && { maxBatch: max_batch_count }),
  };
}

/** Limits that none of its routes report: it changes values beyond them, and draws. */
const ofSdServer: EngineLimits = {
  // For SD 1.x and SDXL; other kinds of model also accept multiples of 16.
  sideMultiple: 64,
  maxSteps: 100,
  maxSeed: 2 ** 31 - 1,
};

/** Names that it accepts but does not list. */
const unlisted: Record<string, string[]> = {
  ddim_trailing: ['DDIM'],
  discrete: ['normal'],
};

export function withUnlisted(list: Listed[] | undefined): Listed[] | undefined {
  return list?.map(({ name, aliases }) => ({
    name,
    aliases: [...aliases, ...(unlisted[name] ?? [])],
  }));
}
