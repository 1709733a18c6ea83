import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { runJest, shortWaits } from './jest-run.js';
import { sqlMutants, type SqlMutant } from './sql-mutants.js';
import { testsOf } from './tests.js';

const sandbox = resolve('.stryker-tmp/sql');
/** Of all tests of one change. Milliseconds. */
const timeout = 240_000;

/** Makes each change of the table by itself and runs the tests. @returns how many changes no test has noticed */
export async function runSqlMutants(env: Record<string, string>): Promise<number> {
  await prepare();
  await passUnchanged(env);
  const survivors: SqlMutant[] = [];
  for (const [i, mutant] of sqlMutants.entries()) {
    const path = `${sandbox}/.test-build/src/${mutant.file}.js`;
    const original = await readFile(path, 'utf8');
    await writeFile(path, mutated(original, mutant));
    const run = await runJest({
      files: testsOf([mutant.file]),
      env: { ...env, ...shortWaits },
      timeout,
      cwd: sandbox,
    });
    await writeFile(path, original);
    if (run.outcome === 'passed') survivors.push(mutant);
    const outcome = run.outcome === 'passed' ? 'SURVIVED' : run.outcome;
    console.log(`${i + 1}/${sqlMutants.length} ${outcome}: ${describe(mutant)}`);
  }
  console.log(
    `${sqlMutants.length - survivors.length} of ${sqlMutants.length} changes of SQL killed`,
  );
  for (const mutant of survivors) console.log(`Survived: ${describe(mutant)}`);
  return survivors.length;
}

/** A test that fails anyway would kill every mutant. */
async function passUnchanged(env: Record<string, string>): Promise<void> {
  const files = testsOf(sqlMutants.map(({ file }) => file));
  const { outcome, output } = await runJest({ files, env, timeout: 600_000, cwd: sandbox });
  if (outcome !== 'passed') throw new Error(`The tests ${outcome} without any change:\n${output}`);
}

/** A copy of what tsc wrote. SQL is the same in it as in the source. */
async function prepare(): Promise<void> {
  await rm(sandbox, { recursive: true, force: true });
  await mkdir(sandbox, { recursive: true });
  for (const name of ['.test-build', 'test', 'jest.config.mjs', 'package.json']) {
    await cp(name, `${sandbox}/${name}`, { recursive: true });
  }
  await symlink(resolve('node_modules'), `${sandbox}/node_modules`);
}

function mutated(text: string, { file, from, to }: SqlMutant): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${file}: found ${parts.length - 1} times: ${from}`);
  return parts.join(to);
}

function describe({ file, from, to }: SqlMutant): string {
  return `${file}: ${from.replace(/\s+/g, ' ')} → ${to.replace(/\s+/g, ' ') || 'nothing'}`;
}
