import { describe, expect, it } from '@jest/globals';
import { RouteTable } from '../../../src/infrastructure/http/route-table.js';

const table = new RouteTable();
table.add({ url: '/a', method: ['GET', 'HEAD'] });
table.add({ url: '/a', method: 'post' });
table.add({ url: '/a/:id', method: 'DELETE' });
table.add({ url: '/files/*', method: 'GET' });

const verbs: Record<string, string[]> = {
  '/a': ['GET', 'HEAD', 'POST'],
  '/a/': ['GET', 'HEAD', 'POST'],
  '/a?b=/c': ['GET', 'HEAD', 'POST'],
  '/a/1': ['DELETE'],
  '/a/1/': ['DELETE'],
  '/a//': [],
  '/a/1/2': [],
  '/A': [],
  '/': [],
  '/files/x': ['GET'],
  '/files/x/y': ['GET'],
  '/files': [],
};

describe('the route table', () => {
  for (const [url, expected] of Object.entries(verbs)) {
    it(`${url}: ${expected.join(' ') || 'no verb'}`, () => {
      expect(table.verbsOf(url)).toEqual(expected);
    });
  }

  it('lists every pattern once', () => {
    const patterns = table.all().map(({ url }) => url);
    expect(patterns).toEqual(['/a', '/a/:id', '/files/*']);
  });
});
