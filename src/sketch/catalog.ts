/** Name, then the aliases A1111 also accepts. */
const SAMPLERS: [name: string, ...aliases: string[]][] = [
  ['DPM++ 2M', 'k_dpmpp_2m'],
  ['DPM++ SDE', 'k_dpmpp_sde'],
  ['DPM++ 2M SDE', 'k_dpmpp_2m_sde'],
  ['DPM++ 3M SDE', 'k_dpmpp_3m_sde'],
  ['Euler a', 'k_euler_a', 'k_euler_ancestral'],
  ['Euler', 'k_euler'],
  ['LMS', 'k_lms'],
  ['Heun', 'k_heun'],
  ['DDIM', 'ddim'],
  ['UniPC', 'unipc'],
  ['LCM', 'k_lcm'],
];

export const samplers = SAMPLERS.map(([name, ...aliases]) => ({ name, aliases, options: {} }));

const SCHEDULERS: [name: string, label: string][] = [
  ['automatic', 'Automatic'],
  ['uniform', 'Uniform'],
  ['karras', 'Karras'],
  ['exponential', 'Exponential'],
  ['sgm_uniform', 'SGM Uniform'],
  ['simple', 'Simple'],
  ['normal', 'Normal'],
  ['beta', 'Beta'],
];

export const schedulers = SCHEDULERS.map(([name, label]) => ({
  name,
  label,
  aliases: null,
  default_rho: name === 'karras' ? 7 : -1,
  need_inner_model: ['sgm_uniform', 'simple', 'normal', 'beta'].includes(name),
}));

export interface SamplerChoice {
  sampler: string;
  scheduler: string;
}

/**
 * A sampler by name or alias in any case. A1111 also takes the scheduler's label glued to the end, as
 * in `DPM++ 2M Karras`, and ignores a scheduler that it does not know.
 */
export function findSampler(name: string, scheduler?: string | null): SamplerChoice | undefined {
  const wanted = name.toLowerCase();
  const suffix = schedulers.find(({ label }) => wanted.endsWith(` ${label.toLowerCase()}`));
  const bare = suffix ? wanted.slice(0, -suffix.label.length - 1) : wanted;
  const found = samplers.find(
    (one) => one.name.toLowerCase() === bare || one.aliases.includes(bare),
  );
  if (!found) return undefined;
  const asked =
    schedulers.find((one) => one.name === scheduler || one.label === scheduler) ?? suffix;
  return { sampler: found.name, scheduler: asked?.label ?? 'Automatic' };
}

export const loras = [
  {
    name: 'sketch-pencil',
    alias: 'sketch-pencil',
    path: 'models/Lora/sketch-pencil.safetensors',
    metadata: {},
  },
  {
    name: 'sketch-ink',
    alias: 'sketch-ink',
    path: 'models/Lora/sketch-ink.safetensors',
    metadata: {},
  },
];

export const upscalers = ['None', 'Lanczos', 'Nearest', 'R-ESRGAN 4x+'].map((name) => ({
  name,
  model_name: null,
  model_path: null,
  model_url: null,
  scale: 4,
}));

/** Always-on scripts that a request may name. */
export const scriptNames = ['none', 'refiner', 'seed', 'extra options', 'sampler'];
