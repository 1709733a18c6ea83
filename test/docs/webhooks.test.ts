import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { newWebhookSecret, signedHeaders } from '../../src/features/webhooks/webhook-signature.js';
import { atTestEnd } from '../support/at-test-end.js';
import { webhookReceiver } from './webhook-receiver.js';

const body = '{"type":"task.succeeded","data":{"task_id":"x","status":"SUCCESS"}}';
const secret = newWebhookSecret();
const signed = (by: string) => ({
  ...signedHeaders([by], 'msg_1', Math.floor(Date.now() / 1_000), body),
});

it('the receiver of the docs takes each event once, and only what is signed', async () => {
  const events: string[] = [];
  const server = webhookReceiver(secret, ({ type }) => events.push(type));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atTestEnd(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const post = async (by: string) =>
    (await fetch(url, { method: 'POST', body, headers: signed(by) })).status;
  expect([await post(secret), await post(secret), await post(newWebhookSecret())]).toEqual([
    204, 204, 401,
  ]);
  expect(events).toEqual(['task.succeeded']);
});

const python = spawnSync('python3', ['--version']).status === 0 ? it : it.skip;

python('the Python of the docs believes what is signed, and nothing else', async () => {
  const code = await readFile('test/docs/webhook_receiver.py', 'utf8');
  expect(await readFile('docs/webhooks.md', 'utf8')).toContain(code.trim());
  const call = `${code}
import json, sys
secret, headers, body = json.loads(sys.stdin.read())
print(verified(secret, headers, body.encode()))`;
  const verified = (by: string) =>
    spawnSync('python3', ['-c', call], {
      input: JSON.stringify([secret, signed(by), body]),
    })
      .stdout.toString()
      .trim();
  expect([verified(secret), verified(newWebhookSecret())]).toEqual(['True', 'False']);
});
