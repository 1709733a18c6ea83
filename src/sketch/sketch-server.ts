import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { checkpoint } from './checkpoints.js';
import { stateOf, type SketchContext, type SketchState } from './context.js';
import { Engine } from './engine.js';
import { MisbehaviourQueue, type MisbehaviourInput } from './misbehaviour.js';
import { defaultOptions, type SketchOptions } from './options.js';
import { sketchApp } from './sketch-app.js';

/** uvicorn's under A1111, and cpp-httplib's. */
const KEEP_ALIVE_MS = { a1111: 30_000, 'sd-server': 5_000 };

export interface Sketch {
  /** Starts to serve; answers the base URL. */
  listen(): Promise<string>;
  /** Drops all jobs and connections; safe to call twice. */
  close(): Promise<void>;
  state(): SketchState;
  misbehave(order: MisbehaviourInput): void;
  clearMisbehaviours(): void;
  interrupt(): void;
  /** As if the process died and came back after `ms`: jobs, progress and the loaded model are gone. */
  restart(ms: number): Promise<void>;
}

/** The stand-in engine inside this process. */
export function createSketch(overrides: Partial<SketchOptions> = {}): Sketch {
  const options = { ...defaultOptions, ...overrides };
  const checkpoints = options.models.map(checkpoint);
  const newEngine = (): Engine => new Engine({ ...options, checkpoints });
  const closing = new AbortController();
  let server: Server | undefined;
  let port = options.port;

  const context: SketchContext = {
    options,
    checkpoints,
    engine: newEngine(),
    misbehaviours: new MisbehaviourQueue(),
    jobs: [],
    requests: 0,
    inFlight: 0,
    maxInFlight: 0,
    restart,
  };
  const app = sketchApp(context);

  async function open(): Promise<void> {
    await app.ready();
    server = createServer(
      { keepAliveTimeout: KEEP_ALIVE_MS[options.mode], requestTimeout: 0 },
      (request, response) => app.routing(request, response),
    );
    server.listen(port, options.host);
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') port = address.port;
  }

  async function shut(): Promise<void> {
    context.engine.stop();
    const open = server;
    server = undefined;
    if (!open?.listening) return;
    const closed = once(open, 'close');
    open.close();
    open.closeAllConnections();
    await closed;
  }

  async function restart(ms: number): Promise<void> {
    await shut();
    await wait(ms, undefined, { signal: closing.signal }).catch(() => undefined);
    if (closing.signal.aborted) return;
    context.engine = newEngine();
    await open();
  }

  return {
    async listen() {
      await open();
      const host = options.host.includes(':') ? `[${options.host}]` : options.host;
      return `http://${host}:${port}`;
    },
    async close() {
      closing.abort();
      await shut();
      await app.close();
    },
    state: () => stateOf(context),
    misbehave: (order) => context.misbehaviours.add(order),
    clearMisbehaviours: () => context.misbehaviours.clear(),
    interrupt: () => context.engine.interrupt(),
    restart,
  };
}
