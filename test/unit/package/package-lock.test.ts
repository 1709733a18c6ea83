import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { satisfies } from 'semver';

interface Entry {
  version?: string;
  resolved?: string;
  engines?: { node?: string } | string[];
  optionalDependencies?: Record<string, string>;
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, Entry>;
};

it('every package runs on Node 20.19', () => {
  const refusing = Object.entries(packages).filter(([, { engines }]) => {
    const range = Array.isArray(engines) ? undefined : engines?.node;
    return range !== undefined && !satisfies('20.19.0', range);
  });
  assert.deepEqual(
    refusing.map(([path]) => path),
    [],
  );
});

it('every optional package is locked, for all platforms: npm ci refuses a lock with gaps', () => {
  const names = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
  const gaps = Object.values(packages)
    .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    .filter((name) => !names.has(name));
  assert.deepEqual(gaps, []);
});

it('names no registry', () => {
  const resolved = Object.values(packages).filter((entry) => entry.resolved !== undefined);
  assert.deepEqual(resolved, []);
});
