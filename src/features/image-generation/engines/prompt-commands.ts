/**
 * What prompt languages read as commands begins with one of a few signs: `<lora:…>` loads a file,
 * `<sd_cpp_extra_args>` overrides the request, `__name__` reads a file, `{a|b}` is chosen at random, `{{ f(x) }}` and
 * `{% … %}` run code, `[/choose]` and `[x a=b]` belong to short codes. Engines and extensions may know more of them.
 * So each of these signs is allowed where prose, attention (`(a:1.2)`, `[a]`, `{{a}}`), schedules (`[a:b:0.5]`) and
 * alternation (`[a|b]`) have it, and refused elsewhere. Words such as `AND` and `BREAK` are text.
 */
export interface PromptCommand {
  /** Its form, without what the prompt says: `<…>`. */
  form: string;
  /** Where it begins, counted in characters from 1. Undefined: it is written with look-alikes. */
  at: number | undefined;
}

type Found = { form: string; index: number };

/** By their form. The first group is what stands before the sign. */
const signs: Record<string, RegExp> = {
  /** Plain are a `<` that is never closed, one before a space or a sign of prose, and `<3`. */
  '<…>': /()<(?![\s<=(),.;:^~*-]|3(?![\p{L}\p{N}\p{M}_:]))[^>]*>/gu,
  '__…__': /()__(?=[^_])[^]+?__/g,
  /** Plain are `$5`, `US$`, `Ke$ha`. */
  '$…': /(^|[^\p{L}\p{N}\p{M}])\$(?=[\p{L}_({])/gu,
  /** Plain are `50%off` and `50 %off`. */
  '%…': /(^|[^\p{N}\s]|^\s|[^\p{N}]\s)%(?=[\p{L}_({])/gu,
};

/** What may come first in brackets. */
const begins = /^(?:[\p{L}\p{N}\p{M}\p{So}\s"'“‘«([{\\]|$)/u;
const beginsSquare = /^(?:[\p{L}\p{N}\p{M}\p{So}\s"'“‘«([{\\:|<.…+_-]|$)/u;
/** Between doubled braces: words, as they emphasise them. A call, a filter, an attribute or a calculation is code. */
const words = /^(?:[\p{L}\p{N}\p{M}\p{So}\s,'’:!?()-]|\.(?=[\s\d]|$)|_(?!_))*$/u;
const call = /[\p{L}\p{N}\p{M}_)]\(/u;

/** The first part of the prompt that an engine or an extension may read as a command. */
export function findCommand(prompt: string): PromptCommand | undefined {
  const found = firstIn(prompt);
  if (found) return { form: found.form, at: Array.from(prompt.slice(0, found.index)).length + 1 };
  // Whoever reads the prompt may convert full-width signs and drop invisible characters first.
  const plainly = prompt.normalize('NFKC').replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '');
  const alike = plainly === prompt ? undefined : firstIn(plainly);
  return alike && { form: alike.form, at: undefined };
}

function firstIn(prompt: string): Found | undefined {
  const found = [...ofSigns(prompt), ...ofBraces(prompt), ...ofSquares(prompt)];
  return found.toSorted((a, b) => a.index - b.index)[0];
}

function ofSigns(prompt: string): Found[] {
  return Object.entries(signs).flatMap(([form, pattern]) =>
    [...prompt.matchAll(pattern)].map((found) => ({ form, index: found.index + found[1]!.length })),
  );
}

function ofBraces(prompt: string): Found[] {
  return pairs(prompt, '{', '}').flatMap(([index, end]) => {
    const before = prompt[index - 1] ?? '';
    if (/[#$%&*@]/.test(before)) return [{ form: `${before}{…}`, index: index - 1 }];
    const form = formOfBraces(prompt.slice(index + 1, end));
    return form === undefined ? [] : [{ form, index }];
  });
}

function formOfBraces(inside: string): string | undefined {
  const separator = /[|$=]/.exec(inside)?.[0];
  if (separator !== undefined) return `{…${separator}…}`;
  if (!begins.test(inside)) return `{${firstOf(inside)}…}`;
  if (!inside.startsWith('{')) return undefined;
  const text = inside.replaceAll(/[{}]/g, '');
  return words.test(text) && !call.test(text) ? undefined : '{{…}}';
}

function ofSquares(prompt: string): Found[] {
  return pairs(prompt, '[', ']').flatMap(([index, end]) => {
    const inside = prompt.slice(index + 1, end);
    if (inside.includes('=')) return [{ form: '[…=…]', index }];
    return beginsSquare.test(inside) ? [] : [{ form: `[${firstOf(inside)}…]`, index }];
  });
}

function firstOf(text: string): string {
  return String.fromCodePoint(text.codePointAt(0)!);
}

/** Positions of brackets that belong together. One that is never closed is plain text. */
function pairs(prompt: string, open: string, close: string): [number, number][] {
  const opened: number[] = [];
  const found: [number, number][] = [];
  for (let i = 0; i < prompt.length; i++) {
    if (prompt[i] === open) opened.push(i);
    else if (prompt[i] === close && opened.length > 0) found.push([opened.pop()!, i]);
  }
  return found;
}
