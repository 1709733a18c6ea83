import type { EngineErrorKind } from './engines/engine-errors.js';

/** How a call to an image server ended. */
export interface EngineUse {
  /** Its place in SD_API_URLS, from 1. */
  backend: number;
  outcome: 'succeeded' | EngineErrorKind;
  pictures: number;
  /** How long the server had the request; null: it was never sent. */
  seconds: number | null;
}

/** The topic of `ProcessNews` for {@link EngineUse}. */
export const engineUseTopic = 'engine-use';
