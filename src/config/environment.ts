import { existsSync } from 'node:fs';
import { z } from 'zod';
import { httpEnvironment, httpVariables, type HttpEnvironment } from './variables/http.js';
import { storesEnvironment, storesVariables, type StoresEnvironment } from './variables/stores.js';
import {
  enginesEnvironment,
  enginesVariables,
  type EnginesEnvironment,
} from './variables/engines.js';
import {
  workersEnvironment,
  workersVariables,
  type WorkersEnvironment,
} from './variables/workers.js';
import { upkeepEnvironment, upkeepVariables, type UpkeepEnvironment } from './variables/upkeep.js';
import {
  missingStorageVariables,
  storageEnvironment,
  storageVariables,
  type StorageEnvironment,
} from './variables/storage.js';
import {
  accountsEnvironment,
  accountsVariables,
  type AccountsEnvironment,
} from './variables/accounts.js';
import {
  creditsEnvironment,
  creditsVariables,
  type CreditsEnvironment,
} from './variables/credits.js';
import {
  operationEnvironment,
  operationVariables,
  type OperationEnvironment,
} from './variables/operation.js';
import {
  webhooksEnvironment,
  webhooksVariables,
  type WebhooksEnvironment,
} from './variables/webhooks.js';
import {
  moderationEnvironment,
  moderationVariables,
  type ModerationEnvironment,
} from './variables/moderation.js';
import { searchEnvironment, searchVariables, type SearchEnvironment } from './variables/search.js';
import {
  metricsEnvironment,
  metricsVariables,
  missingMetricsVariables,
  type MetricsEnvironment,
} from './variables/metrics.js';
import {
  tracingEnvironment,
  tracingVariables,
  type TracingEnvironment,
} from './variables/tracing.js';
import { notesOf } from './variables/variable.js';

/**
 * The whole environment of every Darkroom process, in the order of `.env.example`. Names of the
 * original system are aliases of ours. Empty strings count as not set, because compose files produce them.
 */
const schema = z.object({
  ...httpVariables,
  ...storesVariables,
  ...enginesVariables,
  ...workersVariables,
  ...storageVariables,
  ...accountsVariables,
  ...creditsVariables,
  ...webhooksVariables,
  ...moderationVariables,
  ...searchVariables,
  ...upkeepVariables,
  ...operationVariables,
  ...metricsVariables,
  ...tracingVariables,
});

const variables: Record<string, z.ZodType> = schema.shape;

export interface Environment
  extends
    HttpEnvironment,
    StoresEnvironment,
    EnginesEnvironment,
    WorkersEnvironment,
    StorageEnvironment,
    AccountsEnvironment,
    CreditsEnvironment,
    WebhooksEnvironment,
    ModerationEnvironment,
    SearchEnvironment,
    UpkeepEnvironment,
    OperationEnvironment,
    MetricsEnvironment,
    TracingEnvironment {}

/** The environment is wrong; the message names each variable, its problem and an example. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * The environment of this process, with the `.env` file of its folder for what is not set.
 *
 * @throws EnvironmentError
 */
export function processEnvironment(): Environment {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return readEnvironment(process.env);
}

/**
 * Checks an environment.
 *
 * @throws EnvironmentError naming every bad variable at once
 */
export function readEnvironment(env: Record<string, string | undefined>): Environment {
  const set = Object.fromEntries(
    Object.entries(env)
      .map(([name, value]) => [name, value?.trim()])
      .filter(([name, value]) => Object.hasOwn(variables, name!) && value !== ''),
  );
  const parsed = schema.safeParse(set);
  const issues = parsed.error?.issues ?? [];
  const problems = issues.map((i) => complaint(String(i.path[0]), i.message, set));
  if (set['NODE_ENV'] === 'production' && !set['DATABASE_URL'] && !set['APP_DATABASE_URL']) {
    problems.push(complaint('DATABASE_URL', 'is not set, and NODE_ENV is production', set));
  }
  const missing = [...missingStorageVariables(set), ...missingMetricsVariables(set)];
  problems.push(...missing.map(([name, problem]) => complaint(name, problem, set)));
  if (!parsed.success || problems.length > 0) throw new EnvironmentError(problems.join('\n'));
  return {
    ...httpEnvironment(parsed.data),
    ...storesEnvironment(parsed.data),
    ...enginesEnvironment(parsed.data),
    ...workersEnvironment(parsed.data),
    ...storageEnvironment(parsed.data),
    ...accountsEnvironment(parsed.data),
    ...creditsEnvironment(parsed.data),
    ...webhooksEnvironment(parsed.data),
    ...moderationEnvironment(parsed.data),
    ...searchEnvironment(parsed.data),
    ...upkeepEnvironment(parsed.data),
    ...operationEnvironment(parsed.data),
    ...metricsEnvironment(parsed.data),
    ...tracingEnvironment(parsed.data),
  };
}

function complaint(name: string, problem: string, set: Record<string, string | undefined>): string {
  const about = notesOf(variables[name]!);
  const value = set[name];
  const shown = value === undefined || about.secret ? '' : ` ("${value.slice(0, 60)}")`;
  return `${name}${shown} ${sentence(problem)}. Example: ${name}=${about.example}`;
}

function sentence(problem: string): string {
  if (/^(is|has|names) /.test(problem)) return problem;
  return `is wrong: ${problem.charAt(0).toLowerCase()}${problem.slice(1)}`;
}

/** The text of `.env.example`: every variable with its meaning, all commented out. */
export function environmentExample(): string {
  const lines = Object.entries(variables).map(([name, schema]) => {
    const { description, example } = notesOf(schema);
    return `# ${description}\n# ${name}=${example}\n`;
  });
  return `# Every variable Darkroom reads. Copy this file to .env and set what you need;\n# under npm start nothing has to be set.\n\n${lines.join('\n')}`;
}
