import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { credentialOf } from '../../../src/features/auth/credential.js';
import { localPath } from '../../../src/features/sign-in/local-path.js';
import { siteOf } from '../../../src/features/auth/same-site.js';
import { digestOf, matches, newKey, prefixOf } from '../../../src/features/auth/secrets.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('the credential of a request', () => {
  const headers: Record<string, string> = {
    'Bearer k': 'k',
    'bearer  k ': 'k',
    [`Basic ${base64('name:k')}`]: 'k',
    [`BASIC ${base64(':k')}`]: 'k',
    [`Basic ${base64('name:a:b')}`]: 'a:b',
    [`Basic ${base64('k')}`]: 'k',
    '': '',
    k: '',
    Bearer: '',
    'Bearer a b': '',
    'Digest k': '',
    ' Bearer k': '',
  };
  for (const [authorization, key] of Object.entries(headers)) {
    it(`"${authorization}" has ${key === '' ? 'no key' : `the key ${key}`}`, () => {
      const request = { headers: { authorization }, cookies: { darkroom_session: 't' } };
      expect(credentialOf(request as unknown as FastifyRequest)).toEqual({ kind: 'key', key });
    });
  }

  it('is the cookie when there is no header', () => {
    const of = (cookies: object) => credentialOf({ headers: {}, cookies } as FastifyRequest);
    expect(of({ darkroom_session: 't' })).toEqual({ kind: 'session', token: 't' });
    expect(of({ other: 't' })).toEqual({ kind: 'none' });
  });
});

describe('the site of a request (security 36)', () => {
  type Case = [headers: Record<string, string>, site: string, host?: string, ours?: string];
  const sites: Case[] = [
    [{ 'sec-fetch-site': 'same-origin' }, 'same'],
    [{ 'sec-fetch-site': 'same-origin' }, 'same', 'us.example'],
    [{ 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1' }, 'other'],
    [{ 'sec-fetch-site': 'cross-site' }, 'other'],
    [{ 'sec-fetch-site': 'none' }, 'other'],
    [{ origin: 'http://127.0.0.1' }, 'same'],
    [{ origin: 'http://localhost:3000' }, 'same', 'localhost:3000'],
    [{ origin: 'http://[::1]:3000' }, 'same', '[::1]:3000'],
    [{ referer: 'http://127.0.0.1/api/docs' }, 'same'],
    [{ referer: 'http://evil.example/api/docs' }, 'other'],
    [{ origin: 'https://127.0.0.1' }, 'other'],
    [{ origin: 'http://127.0.0.1:81' }, 'other'],
    [{ origin: 'http://us.example' }, 'other'],
    [{ origin: 'null' }, 'other'],
    [{ origin: '' }, 'other'],
    [{}, 'unknown'],
    // A name that was made to lead here.
    [{ origin: 'http://evil.example' }, 'other', 'evil.example'],
    [{ origin: 'https://us.example' }, 'same', 'behind-a-proxy', 'https://us.example'],
    [{ origin: 'http://us.example' }, 'other', 'us.example', 'https://us.example'],
    [{ origin: 'http://127.0.0.1' }, 'other', '127.0.0.1', 'https://us.example'],
    [{ origin: 'http://127.0.0.1:99999' }, 'other', '127.0.0.1:99999'],
    [{ origin: 'http://localhost:x' }, 'other', 'localhost:x'],
    [{ origin: 'http://[fe80::1%eth0]' }, 'other', '[fe80::1%eth0]'],
    [{ 'sec-fetch-site': 'same-origin' }, 'same', 'us.example', 'https://us.example'],
    [
      { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
      'other',
      'evil.example',
      'https://us.example',
    ],
    [
      { 'sec-fetch-site': 'cross-site', origin: 'https://us.example' },
      'other',
      'us.example',
      'https://us.example',
    ],
  ];
  for (const [headers, site, host = '127.0.0.1', ours] of sites) {
    it(`${JSON.stringify(headers)} at ${host}, known as ${ours ?? 'nothing'}: ${site}`, () => {
      const request = { headers, host, hostname: host.replace(/:\w+$/, ''), protocol: 'http' };
      expect(siteOf(request as unknown as FastifyRequest, ours)).toBe(site);
    });
  }
});

describe('where a login leads', () => {
  const paths = ['/', '/admin/queues', '/a?b=c', '/a//b', '/%2f%2fevil'];
  for (const path of paths) it(`${path} is local`, () => expect(localPath(path)).toBe(path));

  const elsewhere = ['', 'a', '//evil', '/\\evil', '\\\\evil', 'https://evil', '/\n/evil', '/a\\b'];
  for (const path of [...elsewhere, '/.//evil', '/a/..//evil', '/\t/evil', undefined]) {
    it(`${JSON.stringify(path)} is not`, () => expect(localPath(path)).toBe(undefined));
  }

  it('drops a fragment', () => expect(localPath('/a#b')).toBe('/a'));
});

describe('a key (security 2)', () => {
  it('is found by its prefix and matches its digest only', () => {
    const { key, prefix, digest } = newKey();
    expect(key).toMatch(/^dk_[0-9a-f]{16}_[\w-]{43}$/);
    expect(prefixOf(key)).toBe(prefix);
    expect(matches(key, digest)).toBe(true);
    expect(matches(newKey().key, digest)).toBe(false);
    expect(matches(key, undefined)).toBe(false);
    expect(digest).toEqual(digestOf(key));
  });

  for (const text of [
    '',
    'dk_',
    `dk_${'0'.repeat(16)}_x`,
    `x${newKey().key}`,
    `${newKey().key}\n`,
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => expect(prefixOf(text)).toBe(undefined));
  }
});
