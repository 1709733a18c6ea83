import type { RouteOptions } from 'fastify';

/**
 * Every route of the server, in the order of registration. Fastify says "not found" for a wrong method too; this
 * tells the two apart.
 */
export class RouteTable {
  private readonly verbs = new Map<string, Set<string>>();

  /** For Fastify's onRoute hook. */
  add({ url, method }: Pick<RouteOptions, 'url' | 'method'>): void {
    const known = this.verbs.get(url) ?? new Set();
    for (const verb of [method].flat()) known.add(verb.toUpperCase());
    this.verbs.set(url, known);
  }

  /** Patterns with their verbs, as registered. */
  all(): { url: string; verbs: string[] }[] {
    return [...this.verbs].map(([url, verbs]) => ({ url, verbs: [...verbs] }));
  }

  /** Methods that some route accepts on the path of this URL. It scans all routes, because only errors need it. */
  verbsOf(url: string): string[] {
    const path = segments(url.split(/[?#]/, 1)[0]!);
    const found = new Set<string>();
    for (const [pattern, verbs] of this.verbs) {
      if (matches(segments(pattern), path)) for (const verb of verbs) found.add(verb);
    }
    return [...found].toSorted();
  }
}

function segments(path: string): string[] {
  return path.replace(/^\//, '').replace(/\/$/, '').split('/');
}

function matches(pattern: string[], path: string[]): boolean {
  return (
    (pattern.length === path.length || (pattern.at(-1) === '*' && path.length >= pattern.length)) &&
    pattern.every(
      (part, i) => part === '*' || (part.startsWith(':') ? path[i] !== '' : part === path[i]),
    )
  );
}
