import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { credentialOf } from '../../../src/features/auth/credential.js';
import { localPath } from '../../../src/features/auth/local-path.js';
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
      assert.deepEqual(credentialOf(request as unknown as FastifyRequest), { kind: 'key', key });
    });
  }

  it('is the cookie when there is no header', () => {
    const of = (cookies: object) => credentialOf({ headers: {}, cookies } as FastifyRequest);
    assert.deepEqual(of({ darkroom_session: 't' }), { kind: 'session', token: 't' });
    assert.deepEqual(of({ other: 't' }), { kind: 'none' });
  });
});

describe('the site of a request', () => {
  const sites: [headers: Record<string, string>, site: string][] = [
    [{ 'sec-fetch-site': 'same-origin' }, 'same'],
    [{ 'sec-fetch-site': 'same-site', origin: 'http://us' }, 'other'],
    [{ 'sec-fetch-site': 'cross-site' }, 'other'],
    [{ 'sec-fetch-site': 'none' }, 'other'],
    [{ origin: 'http://us' }, 'same'],
    [{ origin: 'http://us:81' }, 'other'],
    [{ origin: 'http://us.example' }, 'other'],
    [{ origin: 'null' }, 'other'],
    [{ origin: '' }, 'other'],
    [{}, 'unknown'],
  ];
  for (const [headers, site] of sites) {
    it(`${JSON.stringify(headers)}: ${site}`, () => {
      assert.equal(siteOf({ headers, host: 'us' } as unknown as FastifyRequest), site);
    });
  }
});

describe('where a login leads', () => {
  const paths = ['/', '/admin/queues', '/a?b=c', '/a//b', '/%2f%2fevil'];
  for (const path of paths) it(`${path} is local`, () => assert.equal(localPath(path), path));

  const elsewhere = ['', 'a', '//evil', '/\\evil', '\\\\evil', 'https://evil', '/\n/evil', '/a\\b'];
  for (const path of [...elsewhere, '/.//evil', '/a/..//evil', '/\t/evil', undefined]) {
    it(`${JSON.stringify(path)} is not`, () => assert.equal(localPath(path), undefined));
  }

  it('a fragment is dropped', () => assert.equal(localPath('/a#b'), '/a'));
});

describe('a key', () => {
  it('is found by its prefix and matches its digest only', () => {
    const { key, prefix, digest } = newKey();
    assert.match(key, /^dk_[0-9a-f]{16}_[\w-]{43}$/);
    assert.equal(prefixOf(key), prefix);
    assert.equal(matches(key, digest), true);
    assert.equal(matches(newKey().key, digest), false);
    assert.equal(matches(key, undefined), false);
    assert.deepEqual(digest, digestOf(key));
  });

  for (const text of [
    '',
    'dk_',
    `dk_${'0'.repeat(16)}_x`,
    `x${newKey().key}`,
    `${newKey().key}\n`,
  ]) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(prefixOf(text), undefined));
  }
});
