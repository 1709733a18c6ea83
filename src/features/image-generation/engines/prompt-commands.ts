/**
 * `<lora:…>` loads a file and `<sd_cpp_extra_args>` overrides the request, and engines and extensions may
 * know more of them. So any `<…>` counts as a command. Plain text is a `<` that is never closed, a `<` before
 * a space, and `<3`.
 */
const tag = /<(?!\s|3(?![\p{L}\p{N}\p{M}_:]))[^>]*>/gu;
/** Replaced with text from a file on the engine's host. */
const wildcard = /__(?=[^_])[^]+?__/g;

/** @returns the parts, as written, that an engine or an extension may read as commands */
export function findCommands(prompt: string): string[] {
  const written = [...prompt.matchAll(tag), ...prompt.matchAll(wildcard)].map(([text]) => text);
  return [...written, ...choices(prompt)];
}

/** `{a|b}`, `{2$$a|b}` and `${x=a}`: extensions pick one at random or set a variable. */
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
