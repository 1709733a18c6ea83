/** The path when it leads to a page of this server, else undefined: a login must not redirect to another site. */
export function localPath(next: string | undefined): string | undefined {
  // oxlint-disable-next-line no-control-regex -- browsers drop some of them from URLs
  if (next === undefined || !/^\/(?![/\\])[^\\\u0000-\u001f]*$/.test(next)) return undefined;
  const base = 'http://darkroom.invalid';
  const url = URL.canParse(next, base) ? new URL(next, base) : undefined;
  // `/.//host` becomes `//host` when its dots are resolved.
  if (url?.origin !== base || url.pathname.startsWith('//')) return undefined;
  return url.pathname + url.search;
}
