import type { PictureFormat } from './picture/draw-picture.js';

/** Which server it imitates: A1111, or `sd-server` of stable-diffusion.cpp. */
export type SketchMode = 'a1111' | 'sd-server';

export interface SketchOptions {
  mode: SketchMode;
  host: string;
  /** 0 lets the system choose. */
  port: number;
  /** Time of one sampling step. */
  stepMs: number;
  /** Time to load another checkpoint. */
  modelSwitchMs: number;
  /** Checkpoint names; the first is loaded at start. */
  models: string[];
  /** `user:password` for /sdapi/*; none when undefined. */
  auth: string | undefined;
  /** Without the /internal routes, like A1111's --nowebui. */
  nowebui: boolean;
  format: PictureFormat;
  /** Puts a grid before the pictures of a batch. */
  grid: boolean;
}

export const defaultOptions: SketchOptions = {
  mode: 'a1111',
  host: '127.0.0.1',
  port: 0,
  stepMs: 40,
  modelSwitchMs: 500,
  models: ['sketch-v1', 'sketch-v2'],
  auth: undefined,
  nowebui: false,
  format: 'png',
  grid: false,
};
