import type { GenerationRequest } from './image-generation.dto.js';
import type { GenerationPayload } from './image-generation.tasks.js';
import { chosenSeed } from './seed.js';

/** What the task of a request is sent with. */
export function payloadOf(request: GenerationRequest): GenerationPayload {
  const { priority, expires_in, ...payload } = request;
  return { ...payload, seed: request.seed === -1 ? chosenSeed(request.batch_size) : request.seed };
}
