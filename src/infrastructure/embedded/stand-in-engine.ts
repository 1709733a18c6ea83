import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { waitAtMost } from '../../common/deadline.js';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../sketch/main.js', import.meta.url));
const againAfterMs = 1_000;

export interface StandInEngine {
  url: string;
  stop(): Promise<void>;
}

/**
 * The stand-in engine as a program of its own. It ends with this process, however that ends, and is
 * started again on its port when it ends by itself.
 *
 * @throws Error when it does not start
 */
export async function startStandInEngine(warn: (line: string) => void): Promise<StandInEngine> {
  let stopping = false;
  let { child, url } = await launch('0');
  const { port } = new URL(url);

  function restartWhenGone(): void {
    child.once('exit', (code, signal) => {
      if (stopping) return;
      warn(`The stand-in engine ended (${signal ?? `exit code ${code}`}); starting it again.`);
      void restart();
    });
  }

  async function restart(): Promise<void> {
    await delay(againAfterMs);
    if (stopping) return;
    try {
      ({ child } = await launch(port));
      restartWhenGone();
    } catch {
      void restart();
    }
  }

  restartWhenGone();
  return {
    url,
    stop: async () => {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await waitAtMost(2_000, gone);
    },
  };
}

async function launch(port: string): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(program, ['--port', port], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // A group of its own: Ctrl-C must not reach it before the running tasks have ended.
    detached: true,
  });
  const exited = once(child, 'exit').then(() => {
    throw new Error('The stand-in engine did not start.');
  });
  const [message] = (await Promise.race([once(child, 'message'), exited])) as [{ url: string }];
  exited.catch(() => {});
  return { child, url: message.url };
}
