import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { parse } from 'yaml';
import { environmentExample, readEnvironment } from '../../../src/config/environment.js';
import { closingMs } from '../../../src/config/closing.js';
import { parseQueueNames } from '../../../src/tasks/definitions/queues.js';

interface Service {
  image: string;
  build?: { dockerfile: string };
  pull_policy?: string;
  stop_grace_period?: string;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  profiles?: string[];
  healthcheck?: { disable?: boolean; test?: unknown[] };
  container_name?: string;
  user?: string;
  read_only?: boolean;
  privileged?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  volumes?: string[];
}

const { services } = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};
const ours = Object.entries(services).filter(([, service]) => service.image === 'darkroom');
const workers = ours.filter(([name]) => name.startsWith('worker-'));

it('compose has a worker service for each queue, and they can be scaled', () => {
  const served = workers.map(([, { command }]) => command!.at(-1)!);
  expect(served.flatMap(parseQueueNames)).toEqual(parseQueueNames('all'));
  for (const [name, { container_name, ports }] of workers) {
    about(name, () => expect([container_name, ports]).toEqual([undefined, undefined]));
  }
});

it('compose builds the image once, and pulls no other image of its name', () => {
  const policies = ours.map(([name, { build, pull_policy }]) => [name, !!build, pull_policy]);
  const [builder, ...others] = policies;
  expect(builder).toEqual(['api', true, 'build']);
  for (const [name, builds, policy] of others) {
    about(String(name), () => expect([builds, policy]).toEqual([false, 'never']));
  }
  expect(existsSync(services['api']!.build!.dockerfile)).toBe(true);
});

it('compose lets running tasks end before it kills', () => {
  for (const [name, { environment, stop_grace_period }] of ours) {
    if (environment === undefined) continue;
    const graceMs = readEnvironment(environmentOf(environment)).shutdownGraceMs!;
    about(name, () =>
      expect(Number.parseInt(stop_grace_period!, 10) * 1000).toBeGreaterThan(graceMs + closingMs),
    );
  }
});

it('compose runs programs that exist', () => {
  for (const [name, { command = ['dist/main.js'] }] of ours) {
    const program = command.find((word) => word.startsWith('dist/'))!;
    about(name, () =>
      expect(existsSync(program.replace('dist/', 'src/').replace('.js', '.ts'))).toBe(true),
    );
  }
});

it('compose gives every process an environment that it accepts', () => {
  const example = environmentExample();
  for (const [name, { environment }] of ours) {
    if (environment === undefined) continue;
    for (const key of Object.keys(environment)) {
      about(`${name}: ${key}`, () => expect(example).toMatch(new RegExp(`^# ${key}=`, 'm')));
    }
    const env = readEnvironment({ ...environmentOf(environment), NODE_ENV: 'production' });
    expect(env.engineUrls[0]).toBe('http://sketch:7860');
  }
});

it('compose publishes ports to this machine only, and checks the health of services that others need', () => {
  for (const [name, { ports = [], healthcheck, profiles }] of Object.entries(services)) {
    for (const port of ports) about(name, () => expect(port).toMatch(/^127\.0\.0\.1:/));
    about(`${name} has a health check`, () =>
      expect(healthcheck !== undefined || profiles !== undefined).toBe(true),
    );
  }
});

it('the health checks distinguish a service that answers from one that does not', async () => {
  for (const [name, { healthcheck }] of ours) {
    if (healthcheck!.disable) continue;
    const [kind, , flag, script] = healthcheck!.test!;
    about(name, () => expect([kind, flag, typeof script]).toEqual(['CMD', '-e', 'string']));
    const [url] = /http:[^']*/.exec(script as string)!;
    const exits: (number | null)[] = [];
    for (const status of [200, 503]) {
      const server = createServer((_, response) => response.writeHead(status).end());
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const check = spawn(process.execPath, [
        '-e',
        (script as string).replace(url, `http://127.0.0.1:${port}`),
      ]);
      exits.push(((await once(check, 'exit')) as [number | null])[0]);
      await new Promise((resolve) => server.close(resolve));
    }
    about(name, () => expect(exits).toEqual([0, 1]));
  }
});

it('commands in compose are words, not mappings made by a colon in YAML', () => {
  for (const [name, { command = [], healthcheck }] of Object.entries(services)) {
    const words = [...command, ...(healthcheck?.test ?? [])];
    about(name, () => expect(words.filter((word) => typeof word !== 'string')).toEqual([]));
  }
});

it('the image sets only variables that Darkroom reads', () => {
  const [, line = ''] = /^ENV (.*)$/m.exec(readFileSync('docker/Dockerfile', 'utf8')) ?? [];
  const names = line.split(' ').map((pair) => pair.split('=')[0]!);
  expect(names).toContain('NODE_ENV');
  for (const name of names) expect(environmentExample()).toMatch(new RegExp(`^# ${name}=`, 'm'));
});

it('the image runs as an ordinary user and copies what the build context has (security 45)', () => {
  const dockerfile = readFileSync('docker/Dockerfile', 'utf8');
  expect(dockerfile).toMatch(/^USER node$/m);
  const allowed = readFileSync('.dockerignore', 'utf8').split('\n');
  for (const [, copied] of dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
    for (const path of copied!.split(' ')) about(path, () => expect(allowed).toContain(`!${path}`));
  }
});

it('our containers have no rights that they do not need, and no shell (security 45)', () => {
  for (const [name, service] of ours) {
    const { read_only, cap_drop, security_opt, privileged, user, command = [] } = service;
    about(name, () => expect([read_only, cap_drop]).toEqual([true, ['ALL']]));
    about(name, () => expect(security_opt).toEqual(['no-new-privileges:true']));
    about(name, () => expect([privileged, user]).toEqual([undefined, undefined]));
    for (const word of ['sh', 'bash', '-c']) about(name, () => expect(command).not.toContain(word));
    const written = (service.volumes ?? []).map((volume) => volume.split(':')[0]);
    about(name, () => expect(written.filter((place) => place !== 'data')).toEqual([]));
  }
  const dockerfile = readFileSync('docker/Dockerfile', 'utf8');
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  expect(last).toMatch(/^CMD \["node", /m);
  // Nothing is copied or run after it, so the user owns no program.
  expect(last.slice(last.indexOf('\nUSER node'))).not.toMatch(/^(COPY|RUN|ADD|USER root)/m);
});

/** As compose fills it in when nothing is set. */
function environmentOf(environment: Record<string, string>): Record<string, string> {
  const filled = Object.entries(environment).map(([name, value]) => [
    name,
    value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'),
  ]);
  return Object.fromEntries(filled) as Record<string, string>;
}
