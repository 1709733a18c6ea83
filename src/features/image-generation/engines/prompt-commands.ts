/**
 * `<lora:…>` loads a file and `<sd_cpp_extra_args>` overrides the request, and every engine and extension
 * may read others. So a `<…>` of whatever name is a command; plain text is a `<` that nothing closes,
 * one before a space, and a `<3`.
 */
const tag = /<(?!\s|3(?![\p{L}\p{N}\p{M}_:]))[^>]*>/gu;
/** Filled from a file of the engine's host. */
const wildcard = /__(?=[^_])[^]+?__/g;

/** @returns what an engine or one of its extensions may read as a command, as written */
export function findCommands(prompt: string): string[] {
  const written = [...prompt.matchAll(tag), ...prompt.matchAll(wildcard)].map(([text]) => text);
  return [...written, ...choices(prompt)];
}

/** `{a|b}`, `{2$$a|b}` and `${x=a}`: extensions draw one by chance or set a variable. */
function choices(prompt: string): string[] {
  const opened: number[] = [];
  for (let i = 0; i < prompt.length; i++) {
    const char = prompt[i]!;
    if (char === '{') opened.push(i);
    else if (char === '}') opened.pop();
    else if (opened.length > 0 && '|$='.includes(char)) {
      const end = prompt.indexOf('}', opened[0]);
      if (end >= 0) return [prompt.slice(opened[0], end + 1)];
    }
  }
  return [];
}
