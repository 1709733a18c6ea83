import { engineUrl, engineUrlList, integer } from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const enginesVariables = {
  SD_API_URLS: variable(engineUrlList.optional(), {
    description:
      'Stable Diffusion servers (A1111 API), separated by commas. user:password@ is sent as Basic auth.',
    example: 'http://gpu-1:7860,http://user:password@gpu-2:7860',
    secret: true,
  }),
  APP_SD_API_URL: variable(engineUrl.optional(), {
    description: 'One Stable Diffusion server (the original name). SD_API_URLS wins.',
    example: 'http://localhost:7860',
    secret: true,
  }),
  SD_REQUESTS_IN_FLIGHT: variable(integer(1, 2).default(2), {
    description:
      'Requests at once to one Stable Diffusion server: 2 hides its encoding time, 1 keeps strict priority.',
    example: '2',
  }),
  SD_PATIENCE_HOURS: variable(integer(1, 8760).default(24), {
    description:
      'Hours that a picture waits while no Stable Diffusion server answers, before it fails (engine_unavailable).',
    example: '24',
  }),
};

export interface EnginesEnvironment {
  /** Empty: no engine is set, and `standalone` starts the stand-in. */
  engineUrls: string[];
  engineRequestsInFlight: number;
  enginePatienceMs: number;
}

export function enginesEnvironment(v: Values<typeof enginesVariables>): EnginesEnvironment {
  return {
    engineUrls: v.SD_API_URLS ?? (v.APP_SD_API_URL === undefined ? [] : [v.APP_SD_API_URL]),
    engineRequestsInFlight: v.SD_REQUESTS_IN_FLIGHT,
    enginePatienceMs: v.SD_PATIENCE_HOURS * 3_600_000,
  };
}
