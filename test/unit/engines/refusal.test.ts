import { describe, expect, it } from '@jest/globals';
import { refusal } from '../../../src/features/image-generation/engines/a1111-refusal.js';

const url = 'http://gpu:7860';
const classOf = (status: number, body?: unknown) => refusal(url, status, body).kind;

describe('the error class of a refusal', () => {
  it('of an unknown model, in the words of /options, is our mistake', () => {
    expect(
      classOf(500, { error: 'RuntimeError', detail: '', errors: "model 'x.ckpt' not found" }),
    ).toBe('invalid_request');
    expect(classOf(500, { errors: `model "it's" not found` })).toBe('invalid_request');
  });

  it('of a file that is missing on the server is the server’s mistake', () => {
    const errors = 'FileNotFoundError: the model lives on a disk that was not found';
    expect(classOf(500, { error: 'FileNotFoundError', errors })).toBe('failed');
  });

  it('does not depend on what the client wrote', () => {
    const body = { detail: 'Validation', body: { prompt: 'a robot out of memory' } };
    expect(classOf(422, body)).toBe('invalid_request');
    expect(classOf(500, { error: 'ValueError', body: 'out of memory' })).toBe('failed');
    expect(classOf(502, { detail: 'Sampler not found' })).toBe('unavailable');
  });

  it('of a missing route is a wrong configuration', () => {
    expect(classOf(404, { detail: 'Not Found' })).toBe('misconfigured');
    expect(classOf(405, { detail: 'Method Not Allowed' })).toBe('misconfigured');
    expect(classOf(302)).toBe('misconfigured');
    expect(classOf(403)).toBe('misconfigured');
  });

  it('names the fields of a 422 and nothing else', () => {
    const detail = [{ loc: ['body', 'steps'], msg: '<secret>' }, { loc: ['body', '<b>cfg'] }];
    expect(refusal(url, 422, { detail }).message).toBe(
      'http://gpu:7860 refused the request: steps, bcfg.',
    );
  });
});

describe('the time to come back', () => {
  const after = (status: number, retryAfter?: unknown) =>
    refusal(url, status, {}, retryAfter).details.retryAfterSeconds;

  it('is what the server says, within limits', () => {
    expect(after(429, '7')).toBe(7);
    expect(after(503, '7')).toBe(7);
    expect(after(429, '0')).toBe(1);
    expect(after(429, '86400')).toBe(60);
  });

  it('may be a date', () => {
    expect(after(429, new Date(Date.now() + 3_600_000).toUTCString())).toBe(60);
    expect(after(429, new Date(0).toUTCString())).toBe(1);
  });

  it('is half a minute for a rate limit that does not give one, and none otherwise', () => {
    expect(after(429)).toBe(30);
    expect(after(429, 'soon')).toBe(30);
    expect(after(503)).toBe(undefined);
  });
});
