import { z } from 'zod';
import { integer } from '../environment-values.js';
import { variable, type Values } from './variable.js';

const limit = z.int().min(1).max(1_000_000_000).nullable();
const credits = z.int().min(0).max(1_000_000_000);

/** What a user of a plan gets, and may have at once. A limit that is null does not exist. */
const plan = z.strictObject({
  /** Granted once, with the account. */
  starting_credits: credits,
  /** Granted at the start of each month, UTC. */
  monthly_credits: credits,
  /** Generations that are accepted in a minute. */
  requests_per_minute: limit,
  /** Generations that are not over yet. */
  queued: limit,
  /** Generations that run at once. */
  running: limit,
  /** Images asked for in a day, UTC. */
  images_per_day: limit,
  /** Days that pictures are kept, favourites for ever; null: all of them for ever. */
  picture_retention_days: z.int().min(1).max(36_500).nullable(),
  /** The highest priority. A request for a higher one gets this. */
  priority: z.enum(['high', 'normal', 'low']),
});
export type Plan = z.output<typeof plan>;
export type Plans = Record<string, Plan> & { standard: Plan; unlimited: Plan };

/** New users have `standard`, admins `unlimited`. */
const defaults: Plans = {
  standard: {
    starting_credits: 100,
    monthly_credits: 0,
    requests_per_minute: 120,
    queued: 200,
    running: 20,
    images_per_day: 1_000,
    picture_retention_days: null,
    priority: 'normal',
  },
  unlimited: {
    starting_credits: 1_000_000,
    monthly_credits: 0,
    requests_per_minute: null,
    queued: null,
    running: null,
    images_per_day: null,
    picture_retention_days: null,
    priority: 'high',
  },
};

const givenPlans = z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/), plan.partial());

/** A plan that is given without some of its fields has those of the default of its name, else of `standard`. */
const plans = z
  .string()
  .default('{}')
  .transform((text, context): Plans => {
    const given = givenPlans.safeParse(parsed(text));
    if (given.success) return completed(given.data);
    const [issue] = given.error.issues;
    const place = issue!.path.length > 0 ? ` at ${issue!.path.join('.')}` : '';
    context.addIssue(`is not a JSON object of plans: ${issue!.message}${place}`);
    return z.NEVER;
  });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function completed(given: z.output<typeof givenPlans>): Plans {
  const known: Record<string, Plan> = defaults;
  const standard = { ...defaults.standard, ...given['standard'] };
  const others = Object.entries(given).map(([name, own]) => [
    name,
    { ...(known[name] ?? standard), ...own },
  ]);
  return { ...defaults, standard, ...(Object.fromEntries(others) as Record<string, Plan>) };
}

export const creditsVariables = {
  PRICE_PER_IMAGE: variable(integer(0, 1_000_000).default(1), {
    description: 'Credits that a delivered image costs.',
    example: '1',
  }),
  PRICE_PIXEL_STEPS: variable(integer(0, 999_999_999).default(0), {
    description:
      'Width × height × steps that PRICE_PER_IMAGE pays for. A bigger image costs it again for each such amount it begins; 0: size and steps do not matter.',
    example: '5242880',
  }),
  CREDITS_LOW_AT: variable(integer(0, 1_000_000_000).default(10), {
    description:
      'Users with fewer credits than this are told, once until the next grant, by mail and webhook; 0: never.',
    example: '10',
  }),
  PLANS: variable(plans, {
    description:
      'What users get and may do, by plan; see docs/credits.md. New users have "standard", admins "unlimited".',
    example: '{"standard":{"monthly_credits":50},"pro":{"monthly_credits":1000,"queued":1000}}',
  }),
};

export interface CreditsEnvironment {
  pricePerImage: number;
  /** 0: size and steps do not matter. */
  pricePixelSteps: number;
  /** 0: nobody is told. */
  creditsLowAt: number;
  plans: Plans;
}

export function creditsEnvironment(v: Values<typeof creditsVariables>): CreditsEnvironment {
  return {
    pricePerImage: v.PRICE_PER_IMAGE,
    pricePixelSteps: v.PRICE_PIXEL_STEPS,
    creditsLowAt: v.CREDITS_LOW_AT,
    plans: v.PLANS,
  };
}
