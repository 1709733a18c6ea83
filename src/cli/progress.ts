import type { SingleBar } from 'cli-progress';

export interface Progress {
  to(done: number): void;
  end(): void;
}

/** A bar on standard error when that is a terminal, and nothing otherwise. */
export async function progressBar(what: string, total: number): Promise<Progress> {
  if (!process.stderr.isTTY || total === 0) return { to: () => {}, end: () => {} };
  const { SingleBar } = await import('cli-progress');
  const bar: SingleBar = new SingleBar({
    format: `${what} {bar} {value}/{total}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  bar.start(total, 0);
  return { to: (done) => bar.update(done), end: () => bar.stop() };
}
