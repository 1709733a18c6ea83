import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { ProgressThrottle } from '../../../src/features/webhooks/progress-throttle.js';
import { pauseMs, restMs, retryWaitMs } from '../../../src/features/webhooks/retry-times.js';
import {
  sealed,
  SecretUnreadable,
  unsealed,
} from '../../../src/features/webhooks/sealed-secret.js';
import { bodyOf } from '../../../src/features/webhooks/webhook-event.js';
import {
  isWebhookSecret,
  newWebhookSecret,
  signatureProblem,
  signedHeaders,
} from '../../../src/features/webhooks/webhook-signature.js';
import { about } from '../../support/about.js';

const body = '{"type":"ping","data":{"text":"é"}}';
const nowS = () => Math.floor(Date.now() / 1_000);

describe('the signature of a webhook', () => {
  it('is that of Standard Webhooks, for the old secret too (security 24)', () => {
    const [fresh, old] = [newWebhookSecret(), newWebhookSecret()];
    const at = nowS();
    const headers = signedHeaders([fresh, old], 'msg_1', at, body);
    for (const secret of [fresh, old]) {
      expect(isWebhookSecret(secret)).toBe(true);
      expect(new Webhook(secret).verify(body, { ...headers })).toEqual(JSON.parse(body));
      expect(signatureProblem(secret, headers, body)).toBe(undefined);
    }
    expect(() => new Webhook(newWebhookSecret()).verify(body, { ...headers })).toThrow();
    const theirs = new Webhook(fresh).sign('msg_1', new Date(at * 1_000), body);
    expect(headers['webhook-signature'].split(' ')[0]).toBe(theirs);
  });

  it('covers the id, the time and the body (security 24)', () => {
    const secret = newWebhookSecret();
    const headers = signedHeaders([secret], 'msg_1', nowS(), body);
    const wrong: [string, Partial<typeof headers>, string][] = [
      ['another body', headers, `${body} `],
      ['another id', { ...headers, 'webhook-id': 'msg_2' }, body],
      ['another time', { ...headers, 'webhook-timestamp': String(nowS() + 1) }, body],
      ['an old time', signedHeaders([secret], 'msg_1', nowS() - 301, body), body],
      ['a time to come', signedHeaders([secret], 'msg_1', nowS() + 310, body), body],
      ['no number', { ...headers, 'webhook-timestamp': 'NaN' }, body],
      [
        'another version',
        { ...headers, 'webhook-signature': headers['webhook-signature'].replace('v1,', 'v2,') },
        body,
      ],
      ['no signature', { ...headers, 'webhook-signature': '' }, body],
      ['another secret', signedHeaders([newWebhookSecret()], 'msg_1', nowS(), body), body],
    ];
    for (const [what, some, text] of wrong) {
      about(what, () => expect(signatureProblem(secret, some, text)).toEqual(expect.any(String)));
    }
    for (const text of ['whsec_', 'whsec_c2hvcnQ=', 'sec_', `whsec_${'A'.repeat(92)}`]) {
      about(text, () => expect(isWebhookSecret(text)).toBe(false));
    }
  });

  it('comes from a secret that is encrypted, for its row alone (security 24)', () => {
    const key = randomBytes(32);
    const secret = newWebhookSecret();
    const box = sealed(key, secret, 'row 1');
    expect(box.toString('latin1')).not.toContain(secret.slice(6, 20));
    expect(sealed(key, secret, 'row 1').equals(box)).toBe(false);
    expect(unsealed(key, box, 'row 1')).toBe(secret);
    const changed = Buffer.from(box);
    changed[changed.length - 1]! ^= 1;
    expect(() => unsealed(key, changed, 'row 1')).toThrow(SecretUnreadable);
    expect(() => unsealed(key, box, 'row 2')).toThrow(SecretUnreadable);
    expect(() => unsealed(randomBytes(32), box, 'row 1')).toThrow(SecretUnreadable);
  });
});

describe('what is sent, and when', () => {
  it('is the event, and only its id and status when it is too large', () => {
    const small = JSON.parse(
      bodyOf('task.failed', { task_id: 'x' }, 1_700_000_000_000_001),
    ) as object;
    expect(small).toEqual({
      type: 'task.failed',
      timestamp: '2023-11-14T22:13:20.000Z',
      sequence: 1_700_000_000_000_001,
      data: { task_id: 'x' },
    });
    const data = { task_id: 'x', status: 'SUCCESS', much: 'é'.repeat(40_000) };
    const { data: left } = JSON.parse(bodyOf('task.succeeded', data, 1)) as { data: object };
    expect(left).toEqual({ task_id: 'x', status: 'SUCCESS', truncated: true });
  });

  it('is tried eight times in a day', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7].map((n) => retryWaitMs(n, 0, () => 0)!);
    expect(waits.slice(0, 2)).toEqual([5_000, 300_000]);
    expect(waits.reduce((sum, ms) => sum + ms, 0) / 3_600_000).toBeCloseTo(24, 1);
    expect(retryWaitMs(8, 0)).toBe(null);
    expect(retryWaitMs(1, 60_000, () => 0)).toBe(60_000);
    expect(retryWaitMs(1, 0, () => 1)).toBe(5_500);
  });

  it('leaves a host in trouble alone, longer each time, ten minutes at most', () => {
    expect([1, 2, 3, 100].map((n) => pauseMs(n, 0))).toEqual([5_000, 10_000, 20_000, 600_000]);
    expect(pauseMs(1, 3_600_000)).toBe(3_600_000);
    expect([0, 999, 1_000, 14_000].map(restMs)).toEqual([0, 0, 20_000, 280_000]);
  });

  it('is the progress of a task once in five seconds, and forgets old tasks', () => {
    const throttle = new ProgressThrottle();
    expect([0, 4_999, 5_000].map((ms) => throttle.admits('a', ms))).toEqual([true, false, true]);
    expect(throttle.admits('b', 5_000)).toBe(true);
    for (let n = 0; n < 10_000; n++) throttle.admits(`task ${n}`, 5_001);
    expect(throttle.admits('a', 5_002)).toBe(true);
  });
});
