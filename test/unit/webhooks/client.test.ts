import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { describe, expect, it, jest } from '@jest/globals';
import { WebhookClient } from '../../../src/features/webhooks/webhook-client.js';
import { WebhookDns } from '../../../src/features/webhooks/webhook-dns.js';
import { WebhookUrls, type WebhookRules } from '../../../src/features/webhooks/webhook-urls.js';
import { atTestEnd } from '../../support/at-test-end.js';
import { hasOpenssl, selfSigned } from '../../support/certificate.js';
import { startDns } from '../../support/dns-server.js';
import { answering, startReceiver, type Behaviour } from '../../support/hook-receiver.js';
import { startProcess } from '../../support/processes.js';

const loopback = { webhookAllowHttp: true, webhookAllowedHosts: ['127.0.0.1'] };

function clientOf(rules: WebhookRules = loopback, dnsServers?: string[]): WebhookClient {
  return new WebhookClient(new WebhookUrls(rules), new WebhookDns(dnsServers));
}

const post = (client: WebhookClient, url: string, signal?: AbortSignal) =>
  client.post(url, { 'webhook-id': 'msg_1' }, '{"type":"ping"}', signal);

async function answerOf(behaviour: Behaviour) {
  const receiver = await startReceiver();
  receiver.behave(behaviour);
  return post(clientOf(), receiver.url);
}

describe('the client of webhooks', () => {
  it('posts JSON, to the byte, and takes any 2xx', async () => {
    const receiver = await startReceiver();
    const answer = await post(clientOf(), receiver.url);
    expect(answer).toMatchObject({ error: null, status: 204, response: '', retryAfterMs: 0 });
    const [{ text, headers }] = receiver.received as [(typeof receiver.received)[0]];
    expect(text).toBe('{"type":"ping"}');
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'msg_1' });
  });

  it('keeps the beginning of the answer, as text that can be stored', async () => {
    const answer = await answerOf(answering(500, {}, `a\u0000\u001b[31m\n${'é'.repeat(9_000)}`));
    expect(answer).toMatchObject({ error: 'http_status', status: 500 });
    expect(answer.response).toMatch(/^a {2}\[31m\né+$/);
    expect(Buffer.byteLength(answer.response!)).toBeLessThanOrEqual(4_096);
  });

  it('stops reading an answer without end (security 23)', async () => {
    let written = 0;
    const answer = await answerOf((response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, 'x'))) written += 16_384;
      };
      response.on('drain', more);
      more();
    });
    expect(answer).toMatchObject({ error: null, status: 200 });
    expect(answer.response).toHaveLength(4_096);
    // The rest is what the buffers of the two ends hold.
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  it('follows no redirect, wherever that leads (security 23)', async () => {
    const inside = await startReceiver();
    const answer = await answerOf(answering(307, { location: inside.url }));
    expect(answer).toMatchObject({ error: 'redirected', status: 307 });
    expect(inside.received).toEqual([]);
  });

  it.each<[string, Behaviour]>([
    ['no answer at all', (response) => response.destroy()],
    [
      'a reset within the body',
      (response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half', () => response.destroy());
      },
    ],
  ])('is not content with %s', async (_what, behaviour) => {
    expect(await answerOf(behaviour)).toMatchObject({ error: 'connection_failed' });
  });

  it('refuses huge headers and what is no HTTP', async () => {
    expect(await answerOf(answering(200, { huge: 'x'.repeat(100_000) }))).toMatchObject({
      error: 'bad_answer',
    });
    const nonsense = await answerOf((response) => response.socket!.end('no HTTP\r\n\r\n'));
    expect(nonsense).toMatchObject({ error: 'bad_answer' });
  });

  it.each<[string, Behaviour]>([
    ['hangs', () => {}],
    ['hangs within the body', (response) => void response.writeHead(200).write('x')],
    [
      'drips',
      (response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('stops at once when it is told to, while the receiver %s', async (_what, behaviour) => {
    const receiver = await startReceiver();
    const controller = new AbortController();
    receiver.behave((response, request) => {
      behaviour(response, request);
      setTimeout(() => controller.abort(new Error('stopping')), 50);
    });
    await expect(post(clientOf(), receiver.url, controller.signal)).rejects.toThrow('stopping');
  });

  it.each<[string, Behaviour]>([
    ['does not answer', () => {}],
    ['does not end its answer', (response) => void response.writeHead(200).write('x')],
  ])('waits 15 seconds in all for a receiver that %s (security 23)', async (_what, behaviour) => {
    const receiver = await startReceiver();
    jest.useFakeTimers({
      advanceTimers: false,
      doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance', 'Date'],
    });
    atTestEnd(() => jest.useRealTimers());
    receiver.behave((response, request) => {
      behaviour(response, request);
      setImmediate(() => jest.advanceTimersByTime(14_999));
      setImmediate(() => setImmediate(() => jest.advanceTimersByTime(1)));
    });
    expect((await post(clientOf(), receiver.url)).error).toBe('timeout');
  });

  it('says how long the receiver wants to be left alone, six hours at most', async () => {
    const asked = async (status: number, after: string) =>
      (await answerOf(answering(status, { 'retry-after': after }))).retryAfterMs;
    expect(await asked(429, '120')).toBe(120_000);
    expect(await asked(503, '999999999')).toBe(6 * 3_600_000);
    expect(await asked(503, new Date(Date.now() + 600_000).toUTCString())).toBeGreaterThan(500_000);
    for (const nonsense of ['-5', 'soon', '1e9', 'x'.repeat(50)]) {
      expect(await asked(429, nonsense)).toBe(0);
    }
    expect(await asked(500, '120')).toBe(0);
    expect((await answerOf(answering(410))).error).toBe('gone');
  });

  it('says when nobody listens', async () => {
    const answer = await post(clientOf(), 'http://127.0.0.1:9/');
    expect(answer).toMatchObject({ error: 'connection_failed', status: null });
  });

  it('goes through no proxy of the environment (security 26)', async () => {
    const [proxy, receiver] = [await startReceiver(), await startReceiver()];
    for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy']) {
      process.env[name] = `http://127.0.0.1:${proxy.port}`;
      atTestEnd(() => delete process.env[name]);
    }
    expect((await post(clientOf(), receiver.url)).error).toBe(null);
    expect([receiver.received.length, proxy.received.length]).toEqual([1, 0]);
  });

  it('refuses hosts of which one address is not public (security 23)', async () => {
    const inside = await startReceiver();
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['169.254.169.254']]) {
      const dns = await startDns([addresses]);
      const client = clientOf({ webhookAllowHttp: true, webhookAllowedHosts: [] }, [dns.address]);
      const answer = await post(client, `http://inside.example.com:${inside.port}/`);
      expect(answer).toMatchObject({ error: 'address_refused', status: null });
    }
    const client = clientOf({ webhookAllowHttp: true, webhookAllowedHosts: [] });
    expect((await post(client, inside.url)).error).toBe('address_refused');
    expect(inside.received).toEqual([]);
  });

  it('connects to the address that it has checked, although the name means another one now (security 23)', async () => {
    const allowed = await startReceiver();
    const inside = await startReceiver({ host: '127.0.0.2', port: allowed.port });
    const dns = await startDns([['127.0.0.1'], ['127.0.0.2']]);
    const client = clientOf(loopback, [dns.address]);
    const url = `http://rebinding.example.com:${allowed.port}/`;
    expect((await post(client, url)).error).toBe(null);
    expect([allowed.received.length, dns.asked()]).toEqual([1, 1]);
    expect(allowed.received[0]!.headers.host).toBe(`rebinding.example.com:${allowed.port}`);
    expect((await post(client, url)).error).toBe('address_refused');
    expect(inside.received).toEqual([]);
  });

  it('says when a name does not exist', async () => {
    const dns = await startDns([[]]);
    const answer = await post(clientOf(loopback, [dns.address]), 'http://nobody.example.com/');
    expect(answer).toMatchObject({ error: 'dns_failed', status: null });
  });

  (hasOpenssl() ? it : it.skip)(
    'refuses a certificate that nobody has signed (security 23)',
    async () => {
      const receiver = await startReceiver({ tls: selfSigned() });
      expect(await post(clientOf(), receiver.url)).toMatchObject({ error: 'tls_failed' });
      expect(receiver.received).toEqual([]);
    },
  );

  (hasOpenssl() ? it : it.skip)(
    'asks the checked address for the certificate of the host, and takes no other (security 23)',
    async () => {
      const [hooks, others] = [selfSigned('DNS:hooks.example.com'), selfSigned('DNS:example.org')];
      const folder = await mkdtemp(join(tmpdir(), 'darkroom-ca-'));
      atTestEnd(() => rm(folder, { recursive: true }));
      const trusted = join(folder, 'trusted.pem');
      await writeFile(trusted, hooks.cert + others.cert);
      const asked: string[] = [];
      const receiver = await startReceiver({
        tls: {
          ...others,
          SNICallback: (name, answer) => {
            asked.push(name);
            answer(null, createSecureContext(name === 'hooks.example.com' ? hooks : others));
          },
        },
      });
      const dns = await startDns([['127.0.0.1']]);
      const errorAt = async (host: string) => {
        const url = `https://${host}:${receiver.port}/`;
        const env = { NODE_EXTRA_CA_CERTS: trusted };
        const poster = startProcess('test/support/webhook-post.js', [url, dns.address], env);
        expect(await poster.ended()).toBe(0);
        return (JSON.parse(poster.output()) as { error: string | null }).error;
      };
      expect(await errorAt('hooks.example.com')).toBe(null);
      expect(receiver.received[0]!.headers.host).toBe(`hooks.example.com:${receiver.port}`);
      // Trusted, but the certificate of another host.
      expect(await errorAt('elsewhere.example.com')).toBe('tls_failed');
      expect(asked).toEqual(['hooks.example.com', 'elsewhere.example.com']);
      expect(receiver.received.length).toBe(1);
    },
  );
});
