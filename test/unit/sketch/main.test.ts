import assert from 'node:assert/strict';
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { FlagError, readFlags } from '../../../src/sketch/flags.js';

const program = fileURLToPath(new URL('../../../src/sketch/main.js', import.meta.url));
const started: ChildProcess[] = [];
afterAll(() => started.forEach((child) => child.kill('SIGKILL')));

async function run(
  ...args: string[]
): Promise<{ code: number | null; out: string; error: string }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const [out, error, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, out, error };
}

async function forked(...args: string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  started.push(child);
  const [message] = (await once(child, 'message')) as [{ type: string; url: string }];
  expect(message.type).toBe('listening');
  return { child, url: message.url };
}

describe('the program', () => {
  it('tells its parent its address, and ends on SIGTERM', async () => {
    const { child, url } = await forked('--models', 'chalk,coal', '--auth', 'ada:secret');
    const headers = { authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}` };
    const models = (await (await fetch(`${url}/sdapi/v1/sd-models`, { headers })).json()) as {
      model_name: string;
    }[];
    expect(models.map((model) => model.model_name)).toEqual(['chalk', 'coal']);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });

  it('ends with its parent, even with a job under way', async () => {
    const { child, url } = await forked('--step-ms', '60000');
    const lost = expect(
      fetch(`${url}/sdapi/v1/txt2img`, { method: 'POST', body: '{}' }),
    ).rejects.toThrow();
    for (let active = null; active === null;) {
      ({ active } = (await (await fetch(`${url}/sketch/state`)).json()) as { active: null });
    }
    const exited = once(child, 'exit');
    child.disconnect();
    expect(await exited).toEqual([0, null]);
    await lost;
  });

  it('prints one line when started by hand, and ends on SIGINT', async () => {
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(child);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString()).toMatch(/^Sketch engine .* listens on http:\/\/127\.0\.0\.1:\d+\n$/);
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
  });

  it('prints its usage', async () => {
    const { code, out } = await run('--help');
    expect(code).toBe(0);
    for (const flag of [
      '--port',
      '--host',
      '--step-ms',
      '--auth',
      '--nowebui',
      '--format',
      '--grid',
    ]) {
      about(flag, () => expect(out).toContain(flag));
    }
  });

  it('refuses a bad flag with one sentence and code 2', async () => {
    const { code, out, error } = await run('--port', 'eighty');
    expect([code, out, error]).toEqual([
      2,
      '',
      "--port must be a whole number from 0 to 65535, not 'eighty'.\n",
    ]);
  });
});

describe('flags', () => {
  it('have defaults', () => {
    expect(readFlags([])).toEqual({
      mode: 'a1111',
      host: '127.0.0.1',
      port: 0,
      stepMs: 40,
      modelSwitchMs: 500,
      models: ['sketch-v1', 'sketch-v2'],
      auth: undefined,
      nowebui: false,
      format: 'png',
      grid: false,
    });
  });

  it('are all read', () => {
    const line =
      '--mode sd-server --port 81 --host ::1 --step-ms 0 --auth a:b --nowebui --format webp --grid --model-switch-ms 9 --models x';
    expect(readFlags(line.split(' '))).toEqual({
      mode: 'sd-server',
      host: '::1',
      port: 81,
      stepMs: 0,
      modelSwitchMs: 9,
      models: ['x'],
      auth: 'a:b',
      nowebui: true,
      format: 'webp',
      grid: true,
    });
  });

  for (const bad of [
    ['--colour'],
    ['stray'],
    ['--mode', 'comfy'],
    ['--port', '70000'],
    ['--step-ms', '-1'],
    ['--step-ms=1.5'],
    ['--auth', 'nobody'],
    ['--format', 'gif'],
    ['--models', 'a,,b'],
    ['--models', 'a,a'],
    ['--grid=yes'],
  ]) {
    it(`refuse ${bad.join(' ')}`, () => {
      assert.throws(
        () => readFlags(bad),
        (error) => error instanceof FlagError && /^[^\n]+\.$/.test(error.message),
      );
    });
  }
});
