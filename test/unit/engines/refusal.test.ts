import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusal } from '../../../src/features/image-generation/engines/a1111-refusal.js';

const url = 'http://gpu:7860';
const classOf = (status: number, body?: unknown) => refusal(url, status, body).kind;

describe('the class of a refusal', () => {
  it('of an unknown model, as /options words it, is ours', () => {
    assert.equal(
      classOf(500, { error: 'RuntimeError', detail: '', errors: "model 'x.ckpt' not found" }),
      'invalid_request',
    );
    assert.equal(classOf(500, { errors: `model "it's" not found` }), 'invalid_request');
  });

  it('of a file that the server misses is the server’s', () => {
    const errors = 'FileNotFoundError: the model lives on a disk that was not found';
    assert.equal(classOf(500, { error: 'FileNotFoundError', errors }), 'failed');
  });

  it('does not depend on what the client wrote', () => {
    const body = { detail: 'Validation', body: { prompt: 'a robot out of memory' } };
    assert.equal(classOf(422, body), 'invalid_request');
    assert.equal(classOf(500, { error: 'ValueError', body: 'out of memory' }), 'failed');
    assert.equal(classOf(502, { detail: 'Sampler not found' }), 'unavailable');
  });

  it('of a route that is not there is a matter of configuration', () => {
    assert.equal(classOf(404, { detail: 'Not Found' }), 'misconfigured');
    assert.equal(classOf(405, { detail: 'Method Not Allowed' }), 'misconfigured');
    assert.equal(classOf(302), 'misconfigured');
    assert.equal(classOf(403), 'misconfigured');
  });

  it('names the fields of a 422, and nothing else of it', () => {
    const detail = [{ loc: ['body', 'steps'], msg: '<secret>' }, { loc: ['body', '<b>cfg'] }];
    assert.equal(
      refusal(url, 422, { detail }).message,
      'http://gpu:7860 refused the request: steps, bcfg.',
    );
  });
});

describe('the time to come back', () => {
  const after = (status: number, retryAfter?: unknown) =>
    refusal(url, status, {}, retryAfter).details.retryAfterSeconds;

  it('is what the server says, within reason', () => {
    assert.equal(after(429, '7'), 7);
    assert.equal(after(503, '7'), 7);
    assert.equal(after(429, '0'), 1);
    assert.equal(after(429, '86400'), 600);
  });

  it('may be a date', () => {
    assert.equal(after(429, new Date(Date.now() + 3_600_000).toUTCString()), 600);
    assert.equal(after(429, new Date(0).toUTCString()), 1);
  });

  it('is half a minute when a rate limit does not say, and nothing otherwise', () => {
    assert.equal(after(429), 30);
    assert.equal(after(429, 'soon'), 30);
    assert.equal(after(503), undefined);
  });
});
