import { describe, expect, it } from '@jest/globals';
import { isPublicAddress } from '../../../src/features/webhooks/public-address.js';
import { WebhookUrls, type WebhookRules } from '../../../src/features/webhooks/webhook-urls.js';
import { readEnvironment } from '../../../src/config/environment.js';
import { about } from '../../support/about.js';

const strict = { webhookAllowHttp: false, webhookAllowedHosts: [] };
const problem = (url: string, rules: WebhookRules = strict) =>
  new WebhookUrls(rules).problemOf(url);

/** By what is wrong with them. */
const hostile: Record<string, string> = {
  'http, not https': 'http://example.com/ HTTP://example.com/',
  'other schemes':
    'ftp://example.com/ file:///etc/passwd gopher://example.com/ javascript:alert(1) //example.com/ example.com data:,x',
  'no host': 'https:// https:/// https://? https://#x',
  'spelled with one slash, or backslashes':
    'https:/example.com/ https:\\\\example.com\\ https:example.com https://example.com\\@127.0.0.1/ https://127.0.0.1\\.example.com/',
  credentials:
    'https://user@example.com/ https://user:pass@example.com/ https://@example.com/ https://example.com@127.0.0.1/',
  'a fragment': 'https://example.com/#x https://example.com#@127.0.0.1/',
  loopback:
    'https://127.0.0.1/ https://127.1.2.3/ https://[::1]/ https://localhost/ https://app.localhost/',
  'a trailing dot': 'https://localhost./ https://127.0.0.1./ https://example.com./',
  'odd spellings of 127.0.0.1':
    'https://2130706433/ https://0x7f000001/ https://0x7f.0.0.1/ https://0177.0.0.1/ https://127.1/ https://127.0.1/ https://%31%32%37.0.0.1/ https://0/ https://00000177.1/',
  'odd spellings of a public address': 'https://134744072/ https://0x08080808/ https://8.8.2056/',
  'private and shared':
    'https://10.0.0.1/ https://172.16.0.1/ https://172.31.255.255/ https://192.168.1.1/ https://100.64.0.1/ https://[fd00::1]/ https://[fc00::1]/',
  'link-local and the metadata of clouds':
    'https://169.254.169.254/latest/meta-data/ https://[fe80::1]/ https://[fd00:ec2::254]/ https://metadata/ https://metadata.google.internal/',
  'nobody’s, everybody’s, reserved':
    'https://0.0.0.0/ https://255.255.255.255/ https://224.0.0.1/ https://240.0.0.1/ https://192.0.2.1/ https://198.51.100.1/ https://203.0.113.1/ https://198.18.0.1/ https://192.0.0.1/ https://[::]/ https://[ff02::1]/ https://[2001:db8::1]/ https://[3fff::1]/ https://[100::1]/',
  'IPv4 in the clothes of IPv6':
    'https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/ https://[::ffff:8.8.8.8]/ https://[::127.0.0.1]/ https://[64:ff9b::7f00:1]/ https://[64:ff9b:1::7f00:1]/ https://[2002:7f00:1::]/ https://[2001:0:7f00:1::]/ https://[::ffff:0:7f00:1]/',
  'unusual spellings of IPv6':
    'https://[0:0:0:0:0:0:0:1]/ https://[2606:4700:0000::1111]/ https://[fe80::1%25eth0]/',
  'names without a network of their own':
    'https://db/ https://printer.local/ https://router.lan/ https://x.home.arpa/ https://hidden.onion/ https://intranet/',
  ports:
    'https://example.com:22/ https://example.com:25/ https://example.com:0/ https://example.com:1023/ https://example.com:65536/',
  'characters that are not ASCII, or not visible':
    'https://ⓔxample.com/ https://example。com/ https://exa\tmple.com/ https://example.com/\u0000 https://exämple.com/',
};

describe('the addresses of webhooks', () => {
  it('are refused when they are not public (security 23)', () => {
    const all = Object.entries(hostile).flatMap(([what, urls]) =>
      urls.split(' ').map((url) => [what, url] as const),
    );
    expect(all.length).toBeGreaterThan(90);
    for (const [what, url] of all) {
      about(`${what}: ${url}`, () => expect(problem(url)).toEqual(expect.any(String)));
    }
    expect(problem('https://example.com/a b')).toEqual(expect.any(String));
    expect(problem(`https://example.com/${'x'.repeat(2_048)}`)).toEqual(expect.any(String));
  });

  it('are taken when they are', () => {
    for (const url of [
      'https://example.com/hooks?a=b%20c',
      'https://EXAMPLE.com/',
      'https://example.com:443/',
      'https://example.com:80/',
      'https://example.com:8443/',
      'https://8.8.8.8/',
      'https://[2606:4700::1111]/',
      'https://xn--exmple-cua.com/',
      'https://localhost.example.com/',
    ]) {
      about(url, () => expect(problem(url)).toBe(undefined));
    }
  });

  it('may be others if the operator says so', () => {
    const webhookAllowedHosts = ['127.0.0.0/8', 'fd00::/8', 'hooks', '10.0.0.5'];
    const rules = { webhookAllowHttp: true, webhookAllowedHosts };
    for (const url of [
      'http://127.0.0.1:99/',
      'http://hooks:22/',
      'https://[fd00::1]/',
      'http://10.0.0.5/',
    ]) {
      about(url, () => expect(problem(url, rules)).toBe(undefined));
    }
    for (const url of ['http://10.0.0.6/', 'http://xhooks/', 'http://[fe80::1]/']) {
      about(url, () => expect(problem(url, rules)).toEqual(expect.any(String)));
    }
    const urls = new WebhookUrls(rules);
    expect(urls.mayConnect('example.com', '127.0.0.1')).toBe(true);
    expect(urls.mayConnect('example.com', '10.0.0.6')).toBe(false);
    expect(urls.mayConnect('hooks', '10.0.0.6')).toBe(true);
  });

  it('are none for text that is no address', () => {
    for (const text of ['', '127.1', '8.8.2056', '0x08080808', '8.8.8.8 ', '2606::1%eth0', 'a']) {
      about(text, () => expect(isPublicAddress(text)).toBe(false));
    }
    expect(isPublicAddress('8.8.8.8') && isPublicAddress('2606:4700::1111')).toBe(true);
  });

  it('come from variables that are checked', () => {
    const read = (WEBHOOK_ALLOWED_HOSTS: string) =>
      readEnvironment({ WEBHOOK_ALLOWED_HOSTS }).webhookAllowedHosts;
    expect(read('hooks.intranet, 10.0.0.0/8')).toEqual(['hooks.intranet', '10.0.0.0/8']);
    for (const wrong of ['10.0.0.0/33', 'http://hooks', 'a b', '10.0.0.0/8/8']) {
      about(wrong, () => expect(() => read(wrong)).toThrow('WEBHOOK_ALLOWED_HOSTS'));
    }
  });
});
