import { checkpoint, type Checkpoint } from './checkpoints.js';
import type { SamplerChoice } from './catalog.js';
import type { Drawn } from './engine.js';
import { infotext, type InfoParts } from './infotext.js';
import type { MisbehaviourKind } from './misbehaviour.js';
import { drawGrid, drawPicture, type PictureFormat } from './picture/draw-picture.js';
import type { Txt2ImgRequest } from './txt2img-request.js';

export interface AnswerParts {
  asked: Txt2ImgRequest;
  request: Txt2ImgRequest;
  sampler: SamplerChoice;
  seed: number;
  /** The answer's `info`. */
  info: (parts: InfoParts) => string;
  drawn: Drawn;
  format: PictureFormat;
  /** The engine's `return_grid` option. */
  grid: boolean;
  fault: MisbehaviourKind | undefined;
}

/** Below this many steps a finished picture still shows noise. */
const ENOUGH_STEPS = 6;

/** The body of a 200: pictures in base64 and their `info`. */
export async function txt2ImgAnswer(parts: AnswerParts): Promise<string> {
  const { request, fault, drawn } = parts;
  const format = fault === 'jpg' || fault === 'webp' ? fault : parts.format;
  const info: InfoParts = { ...parts, ...drawn, firstImage: 0 };
  const width = request.width + (fault === 'wrong_size' ? 64 : 0);

  const pictures: Buffer[] = [];
  for (const { index, denoised } of wrongCount(drawn.pictures, fault)) {
    pictures.push(
      await drawPicture({
        prompt: request.prompt,
        seed: parts.seed + index,
        width,
        height: request.height,
        denoised: denoised * Math.min(1, request.steps / ENOUGH_STEPS),
        format,
        infotext: infotext(info, index),
      }),
    );
  }
  if (fault === 'grid_first' || (parts.grid && pictures.length > 1)) {
    pictures.unshift(
      await drawGrid(pictures, width, request.height, { format, infotext: infotext(info) }),
    );
    info.firstImage = 1;
  }
  return JSON.stringify({
    images: request.send_images ? pictures.map((bytes) => asBase64(bytes, fault)) : [],
    parameters: parts.asked,
    info: parts.info(info),
  });
}

/** Any checkpoint but this one. */
export function otherCheckpoint(all: Checkpoint[], than: Checkpoint): Checkpoint {
  return all.find((one) => one !== than) ?? checkpoint('sketch-other');
}

function wrongCount(
  pictures: Drawn['pictures'],
  fault: MisbehaviourKind | undefined,
): Drawn['pictures'] {
  if (fault !== 'wrong_count') return pictures;
  return pictures.length > 1 ? pictures.slice(1) : [...pictures, { index: 1, denoised: 1 }];
}

const SPOILED: Partial<Record<MisbehaviourKind, (bytes: Buffer) => string>> = {
  undecodable: () => Buffer.from('This was never a picture. '.repeat(200)).toString('base64'),
  not_base64: () => '<<< not base64 at all >>>',
  truncated_png: (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2)).toString('base64'),
};

function asBase64(bytes: Buffer, fault: MisbehaviourKind | undefined): string {
  const spoil = fault && SPOILED[fault];
  return spoil ? spoil(bytes) : bytes.toString('base64');
}
