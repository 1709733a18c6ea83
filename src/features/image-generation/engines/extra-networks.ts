/** `<lora:name:0.8>` and its like: prompt syntax that makes the engine load a file. */
const extraNetwork = /<([a-z_]{1,32}):[^<>]{0,200}>/gi;

/** @returns each extra network that the prompt names, as written */
export function findExtraNetworks(prompt: string): string[] {
  return [...prompt.matchAll(extraNetwork)].map(([written]) => written);
}
