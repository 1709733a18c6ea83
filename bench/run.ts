import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { lightly } from '../test/support/processes.js';
import { startStores } from '../test/support/stores-for-a-run.js';

/** Runs the benchmarks named on the command line, or all; each in its own process. */
const usual = [
  'accept',
  'no-op',
  'dispatch',
  'memory',
  'canvas',
  'schedules',
  'control',
  'get',
  'pool',
  'shares',
  'keys',
  'mail',
  'uploads',
  'pipelines',
  'live',
];
/** More starve each other's processes while those start. */
const smokeAtOnce = 4;
/** Only by its name, or tiny: it takes long. */
const names = [...usual, 'backlog'];
const { values, positionals } = parseArgs({
  options: { smoke: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`No benchmark is named ${unknown.join(', ')}. There are: ${names.join(', ')}.`);
  process.exit(2);
}
const flags = values.smoke ? lightly : ['--enable-source-maps'];
const stores = await startStores({ durable: true });
if (stores.leftOut !== undefined) {
  console.error('Both queue engines are compared: put a redis-server on the PATH.');
  await stores.stop();
  process.exit(2);
}
console.log(`${cpus().length} cores; Postgres durable; load and stores on this machine.`);
if (values.smoke) console.log('Smoke: it runs. The figures mean nothing.');
const asked = values.smoke ? names : usual;
const chosen = positionals.length === 0 ? asked : positionals;
try {
  const left = [...chosen];
  const lane = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await runBench(name);
  };
  await Promise.all(Array.from({ length: values.smoke ? smokeAtOnce : 1 }, lane));
} finally {
  await stores.stop();
}

async function runBench(name: string): Promise<void> {
  const script = fileURLToPath(new URL(`./${name}/${name}.bench.js`, import.meta.url));
  const child = spawn(process.execPath, [...flags, script], {
    stdio: 'inherit',
    env: { ...process.env, ...stores.env, ...(values.smoke && { BENCH_SMOKE: '1' }) },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) process.exitCode = 1;
}
