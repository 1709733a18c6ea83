import { connect } from 'node:net';
import { p50p99 } from '../support/figures.js';
import type { ListenerOptions } from './live.bench.js';

/** Many listeners in a process of their own. Says when all of them listen; at SIGTERM, how late events were. */
const { url, key, paths, count } = JSON.parse(process.env['BENCH_LISTENERS']!) as ListenerOptions;
const atOnce = 20;
const { hostname, port } = new URL(url);
const lags: number[] = [];

/** Resolves when the stream has begun. */
function listen(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.setEncoding('utf8').setNoDelay();
    socket.on('error', reject);
    socket.on('data', (text: string) => {
      if (text.startsWith('HTTP/1.1') && !text.startsWith('HTTP/1.1 200')) reject(new Error(text));
      const now = Date.now();
      for (const [, at] of text.matchAll(/"at":"([^"]+)"/g)) lags.push(now - Date.parse(at!));
      if (text.includes('retry:')) resolve();
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${key}\r\n\r\n`);
  });
}

const left = Array.from({ length: count }, (_, n) => paths.replace('{n}', idOf(n)));
const lane = async () => {
  for (let path = left.pop(); path !== undefined; path = left.pop()) await listen(path);
};
await Promise.all(Array.from({ length: atOnce }, lane));
// What they have been told at their beginning.
setTimeout(() => {
  lags.length = 0;
  console.log('all listen');
}, 2_000);
process.on('SIGTERM', () => {
  const [p50, p99] = p50p99(lags);
  console.log(`told: ${JSON.stringify({ p50, p99, count: lags.length })}`);
  process.exit();
});

/** The last digits of the n-th task's id. */
function idOf(n: number): string {
  return n.toString(16).padStart(12, '0');
}
