import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';

/**
 * An A1111 API of one slot that notes the gaps on its wire: from its answer sent to the last byte
 * until the next request arrives. GET /gaps answers them in milliseconds and forgets them.
 */
const drawMs = 100;
const jobTimestamp = '20261121120000';
const picture = sharp({
  create: {
    width: 512,
    height: 512,
    channels: 3,
    background: 'grey',
    noise: { type: 'gaussian', mean: 128, sigma: 12 },
  },
}).png();
const base64 = (await picture.toBuffer()).toString('base64');
const idle = { job_count: 0, sampling_step: 0, sampling_steps: 0, interrupted: false };
let freeSince: number | undefined;
let gaps: number[] = [];

async function draw(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (freeSince !== undefined) gaps.push(performance.now() - freeSince);
  const { seed } = (await json(request)) as { seed: number };
  await delay(drawMs);
  const info = JSON.stringify({ seed, all_seeds: [seed], job_timestamp: jobTimestamp });
  response.on('finish', () => (freeSince = performance.now()));
  answer(response, { images: [base64], info });
}

function answer(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}

const server = createServer((request, response) => {
  const [path] = request.url!.split('?');
  if (path === '/sdapi/v1/txt2img') return void draw(request, response);
  if (path === '/sdapi/v1/progress') {
    const state = { ...idle, job_timestamp: jobTimestamp };
    return answer(response, { progress: 0, eta_relative: 0, state });
  }
  if (path === '/gaps') {
    answer(response, gaps);
    gaps = [];
    freeSince = undefined;
    return;
  }
  response.statusCode = 404;
  answer(response, { detail: 'Not Found' });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as { port: number }).port}`);
});
