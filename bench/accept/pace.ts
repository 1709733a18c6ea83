import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { p50p99 } from '../support/figures.js';
import { body, headersFor, path, type Target } from './request.js';

export interface Pace {
  target: Target;
  perSecond: number;
  seconds: number;
}

export interface Paced {
  p50: number;
  p99: number;
}

/**
 * Open loop: request n is due at n / rate, whatever happened to those before, and its time counts from
 * then. A server that stalls cannot hold back the requests that would have met the stall.
 *
 * (autocannon's own rate sends each connection's share of a second in one burst.)
 */
const { target, perSecond, seconds } = JSON.parse(process.argv[2]!) as Pace;
const agent = new Agent({ keepAlive: true, maxSockets: 500 });
const warmUp = perSecond;
const pending: Promise<number>[] = [];
const start = performance.now() + 50;
for (let n = 0; n < warmUp + perSecond * seconds; n++) {
  const due = start + (n * 1000) / perSecond;
  const wait = due - performance.now();
  if (wait > 0) await delay(wait);
  pending.push(post(due));
}
const [p50, p99] = p50p99((await Promise.all(pending)).slice(warmUp));
console.log(JSON.stringify({ p50, p99 } satisfies Paced));
agent.destroy();

/** @returns milliseconds from when it was due to the end of the answer */
function post(due: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { agent, method: 'POST', headers: headersFor(target) };
    const sent = request(target.url + path, options, (answer) => {
      if (answer.statusCode !== 202) reject(new Error(`Answered ${answer.statusCode}`));
      answer.resume().on('end', () => resolve(performance.now() - due));
    });
    sent.on('error', reject).end(body);
  });
}
