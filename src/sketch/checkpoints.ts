import { createHash } from 'node:crypto';

export interface Checkpoint {
  title: string;
  model_name: string;
  hash: string;
  sha256: string;
  filename: string;
  config: string | null;
}

/** A checkpoint as A1111 lists it; the hash comes from the name, so that it never changes. */
export function checkpoint(name: string): Checkpoint {
  const sha256 = createHash('sha256').update(name).digest('hex');
  const hash = sha256.slice(0, 10);
  const file = `${name}.safetensors`;
  return {
    title: `${file} [${hash}]`,
    model_name: name,
    hash,
    sha256,
    filename: `models/Stable-diffusion/${file}`,
    config: null,
  };
}

/** Finds by any of the names A1111 accepts: title, name, file, short or long hash. */
export function findCheckpoint(all: Checkpoint[], wanted: string): Checkpoint | undefined {
  return all.find((one) =>
    [
      one.title,
      one.model_name,
      `${one.model_name}.safetensors`,
      `${one.model_name} [${one.hash}]`,
      one.hash,
      one.sha256,
      one.filename,
    ].includes(wanted),
  );
}
