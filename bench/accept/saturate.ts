import autocannon from 'autocannon';
import { body, headersFor, path, type Target } from './request.js';

export interface Saturation {
  target: Target;
  connections: number;
  seconds: number;
}

export interface Saturated {
  perSecond: number;
  p50: number;
  p99: number;
}

/** Closed loop: every connection sends its next request when the one before is answered. */
const { target, connections, seconds } = JSON.parse(process.argv[2]!) as Saturation;
const { latency, requests, duration, errors, timeouts, non2xx } = await autocannon({
  url: target.url + path,
  method: 'POST',
  headers: headersFor(target),
  body,
  connections,
  duration: seconds,
});
if (errors + timeouts + non2xx > 0) {
  throw new Error(`${errors} errors, ${timeouts} timeouts, ${non2xx} answers that are no 2xx`);
}
const perSecond = requests.total / duration;
console.log(JSON.stringify({ perSecond, p50: latency.p50, p99: latency.p99 } satisfies Saturated));
