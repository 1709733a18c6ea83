import { isStorable } from '../../../common/storable-text.js';

/** An entry in an engine's list: a sampler or a scheduler. */
export interface Listed {
  name: string;
  aliases: string[];
}

export interface ListedModel {
  /** `folder/name.safetensors [hash]`, or as the server writes it. */
  title: string;
  /** The name that people use. */
  name: string;
  /** Other names that the server accepts: file, hashes. */
  aliases: string[];
  hash: string | null;
}

/** Finds an entry by name or alias, else by a normalised name: servers spell them differently. */
export function findListed(list: Listed[], asked: string): Listed | undefined {
  const { exact, plainly } = indexOf(list);
  return exact.get(asked) ?? plainly.get(plain(asked));
}

interface Index {
  exact: Map<string, Listed>;
  plainly: Map<string, Listed>;
}

/** Indexed, since a list may be long and one request may look up many names. */
const indexes = new WeakMap<Listed[], Index>();

function indexOf(list: Listed[]): Index {
  const known = indexes.get(list);
  if (known) return known;
  const index: Index = { exact: new Map(), plainly: new Map() };
  // From the end, so that the first of two equal names wins.
  for (const listed of list.toReversed()) {
    for (const name of [...listed.aliases, listed.name]) {
      index.exact.set(name, listed);
      index.plainly.set(plain(name), listed);
    }
  }
  indexes.set(list, index);
  return index;
}

/** `DPM++ 2M`, `k_dpmpp_2m` and `dpm++2m` are the same sampler. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/^k_/, '')
    .replaceAll('++', 'pp')
    .replaceAll(/[\s_-]/g, '');
}

/**
 * Caches what was found in a list, by the name asked for: a search in a long list takes a while, and requests
 * use the same few names. An index of all spellings would take longer to build than it saves.
 */
const foundModels = new WeakMap<ListedModel[], Map<string, ListedModel | undefined>>();
/** Names cached per list. */
const remembered = 1_000;

/** Finds a model by title, name or alias; else the first that {@link sameModel} accepts. */
export function findModel(list: ListedModel[], asked: string): ListedModel | undefined {
  const known = foundModels.get(list) ?? new Map<string, ListedModel | undefined>();
  foundModels.set(list, known);
  if (known.has(asked)) return known.get(asked);
  const named = ({ title, name, aliases }: ListedModel) =>
    title === asked || name === asked || aliases.includes(asked);
  const found = list.find(named) ?? list.find(({ name, hash }) => sameModel(asked, name, hash));
  if (known.size < remembered) known.set(asked, found);
  return found;
}

/**
 * A title is `folder/name.safetensors [hash]`; an answer contains the bare name and the hash. If both hashes
 * have the same length they decide, since two folders may hold the same name; otherwise the names decide.
 */
export function sameModel(asked: string, name: string | null, hash: string | null): boolean {
  const askedHash = /\[([0-9a-f]+)\]$/i.exec(asked)?.[1]?.toLowerCase();
  const drawnHash = hash?.toLowerCase();
  if (askedHash && askedHash.length === drawnHash?.length) return askedHash === drawnHash;
  if (drawnHash && drawnHash === asked.toLowerCase()) return true;
  return name !== null && bareName(name) === bareName(asked);
}

function bareName(title: string): string {
  return title
    .replace(/ \[[0-9a-f]+\]$/i, '')
    .replace(/\.(safetensors|ckpt|gguf)$/i, '')
    .split(/[\\/]/)
    .at(-1)!
    .toLowerCase();
}

/** At most this many names are compared, and at most this many characters of each. */
const compared = { names: 1_000, characters: 64 };
/** The longest name that a request can contain. */
const longestName = 200;

/** The three names closest to the one asked for, the closest first. */
export function nearest(asked: string, names: string[]): string[] {
  const wanted = asked.toLowerCase().slice(0, compared.characters);
  return names
    .slice(0, compared.names)
    .filter((name) => name !== '' && name.length <= longestName && isStorable(name))
    .map((name) => {
      const candidate = name.toLowerCase().slice(0, compared.characters);
      return { name, edits: edits(wanted, candidate) };
    })
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Levenshtein distance: letters to insert, delete or replace. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
