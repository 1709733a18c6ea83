const maxSeconds = 60;

/** Seconds in `Prefer: wait=N` (RFC 7240), at most 60. An invalid preference is ignored. */
export function preferredWait(header: string | undefined): number | undefined {
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d+)"?(?:$|[,;\s])/i.exec(header ?? '')?.[1];
  return seconds === undefined ? undefined : Math.min(Number(seconds), maxSeconds);
}
