import { expect, it } from '@jest/globals';
import {
  newWebhookSecret,
  signedHeaders,
} from '../../../src/features/webhooks/webhook-signature.js';
import { listenForWebhooks, type HookMessage } from '../../../src/cli/webhook-listener.js';
import { atTestEnd } from '../../support/at-test-end.js';
import { darkroom } from '../../support/cli.js';

const body = '{"type":"ping"}';

async function listen(secret: string | undefined) {
  const messages: HookMessage[] = [];
  const { server, port } = await listenForWebhooks(
    { host: '127.0.0.1', port: 0, secret },
    async (one) => {
      messages.push(one);
    },
  );
  atTestEnd(() => server.close());
  const post = async (signer: string, text = body) => {
    const headers = { ...signedHeaders([signer], 'msg_1', Math.floor(Date.now() / 1_000), text) };
    return (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: text, headers }))
      .status;
  };
  return { messages, post };
}

it('webhooks listen believes what its secret has signed', async () => {
  const secret = newWebhookSecret();
  const { messages, post } = await listen(secret);
  expect([await post(secret), await post(newWebhookSecret())]).toEqual([204, 401]);
  expect(messages.map(({ id, genuine, event }) => ({ id, genuine, event }))).toEqual([
    { id: 'msg_1', genuine: true, event: { type: 'ping' } },
    { id: 'msg_1', genuine: false, event: { type: 'ping' } },
  ]);
});

it('webhooks listen without a secret says that nothing is checked, and shows what is no JSON', async () => {
  const { messages, post } = await listen(undefined);
  expect(await post(newWebhookSecret(), 'text')).toBe(204);
  expect(messages).toMatchObject([{ genuine: null, event: 'text' }]);
});

it('webhooks listen refuses what is no secret', async () => {
  for (const secret of ['abc', 'whsec_abc']) {
    const { code, stderr } = await darkroom(['webhooks', 'listen', '--secret', secret]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/whsec_/)]);
  }
});
