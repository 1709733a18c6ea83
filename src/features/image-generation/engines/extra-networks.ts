/**
 * `<lora:name:0.8>` and its like: prompt syntax that makes the engine load a file. As wide as the
 * engine's own pattern, `<(\w+):([^>]+)>` in Python, where letters are of any script and all but `>`
 * may follow.
 */
const extraNetwork = /<[\p{L}\p{N}\p{M}_]+:[^>]+>/gu;

/** @returns each extra network that the prompt names, as written */
export function findExtraNetworks(prompt: string): string[] {
  return [...prompt.matchAll(extraNetwork)].map(([written]) => written);
}
