import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { parse } from 'yaml';
import { environmentExample, readEnvironment } from '../../../src/config/environment.js';
import { parseQueueNames } from '../../../src/tasks/queues.js';

interface Service {
  image: string;
  build?: { dockerfile: string };
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  profiles?: string[];
  healthcheck?: { disable?: boolean };
  container_name?: string;
  user?: string;
}

const { services } = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};
const ours = Object.entries(services).filter(([, service]) => service.image === 'darkroom');
const workers = ours.filter(([name]) => name.startsWith('worker-'));

it('compose has a worker service for each queue, and they can be scaled', () => {
  const served = workers.map(([, { command }]) => command!.at(-1)!);
  assert.deepEqual(served.flatMap(parseQueueNames), parseQueueNames('all'));
  for (const [name, { container_name, ports }] of workers) {
    assert.deepEqual([container_name, ports], [undefined, undefined], name);
  }
});

it('compose runs programs that exist', () => {
  for (const [name, { command = ['dist/main.js'] }] of ours) {
    const program = command.find((word) => word.startsWith('dist/'))!;
    assert.ok(existsSync(program.replace('dist/', 'src/').replace('.js', '.ts')), name);
  }
});

it('compose gives every process an environment that it accepts', () => {
  for (const [name, { environment = {} }] of ours) {
    const filled = Object.entries(environment).map(([key, value]) => {
      assert.match(environmentExample(), new RegExp(`^# ${key}=`, 'm'), `${name}: ${key}`);
      return [key, value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')];
    });
    if (filled.length === 0) continue;
    const env = readEnvironment({ ...Object.fromEntries(filled), NODE_ENV: 'production' });
    assert.equal(env.engineUrls[0], 'http://sketch:7860');
  }
});

it('compose publishes ports to this machine only, and checks the health of what others need', () => {
  for (const [name, { ports = [], healthcheck, profiles }] of Object.entries(services)) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name);
    assert.ok(healthcheck !== undefined || profiles !== undefined, `${name} has a health check`);
  }
});

it('the image runs as an ordinary user and copies what the build context has', () => {
  const dockerfile = readFileSync('docker/Dockerfile', 'utf8');
  assert.match(dockerfile, /^USER node$/m);
  const allowed = readFileSync('.dockerignore', 'utf8').split('\n');
  for (const [, copied] of dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
    for (const path of copied!.split(' ')) assert.ok(allowed.includes(`!${path}`), path);
  }
});
