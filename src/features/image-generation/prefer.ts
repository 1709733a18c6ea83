const maxSeconds = 60;

/** Seconds of `Prefer: wait=N` (RFC 7240), 60 at most. A preference that makes no sense is ignored. */
export function preferredWait(header: string | undefined): number | undefined {
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d+)"?(?:$|[,;\s])/i.exec(header ?? '')?.[1];
  return seconds === undefined ? undefined : Math.min(Number(seconds), maxSeconds);
}
