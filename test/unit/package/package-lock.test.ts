import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { gte, satisfies } from 'semver';

interface Entry {
  version?: string;
  resolved?: string;
  integrity?: string;
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
  expect(refusing.map(([path]) => path)).toEqual([]);
});

it('every optional package is locked, for all platforms: npm ci refuses a lock with gaps', () => {
  const names = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
  const gaps = Object.values(packages)
    .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    .filter((name) => !names.has(name));
  expect(gaps).toEqual([]);
});

it('the lock file names no registry', () => {
  const resolved = Object.values(packages).filter((entry) => entry.resolved !== undefined);
  expect(resolved).toEqual([]);
});

/** Below these lie known holes. */
const floors: Record<string, string> = {
  axios: '1.21.0',
  typeorm: '1.1.0',
  bullmq: '6.7.0',
  nodemailer: '10.6.0',
  'smtp-server': '3.18.3',
  '@nestjs/core': '12.5.0',
  '@nestjs/platform-fastify': '12.5.0',
};

it('packages are above their minimum versions, and packages that are insecure by design are absent (security 48)', () => {
  for (const [path, { version }] of Object.entries(packages)) {
    const name = path.split('node_modules/').at(-1)!;
    const floor = floors[name];
    if (floor !== undefined)
      about(`${path} ${version}`, () => expect(gte(version!, floor)).toBe(true));
    expect(name).not.toBe('@nestjs/devtools-integration');
  }
});

it('no package may run a script when it is installed (security 48)', () => {
  const { allowScripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    allowScripts: Record<string, boolean>;
  };
  expect(Object.values(allowScripts).filter((allowed) => allowed)).toEqual([]);
});

it('every package has a checksum (security 48)', () => {
  const without = Object.entries(packages).filter(([path, entry]) => path && !entry.integrity);
  expect(without).toEqual([]);
});
