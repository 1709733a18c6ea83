import { expect, it } from '@jest/globals';
import { readEnvironment } from '../../../src/config/environment.js';

const plansOf = (text?: string) => readEnvironment({ PLANS: text }).plans;

it('there are two plans from the start', () => {
  expect(Object.keys(plansOf())).toEqual(['standard', 'unlimited']);
  expect(plansOf().unlimited.queued).toBe(null);
});

it('a plan has the fields that it does not name from the plan of its name, else from "standard"', () => {
  const plans = plansOf(
    '{"standard":{"queued":7},"pro":{"monthly_credits":9},"unlimited":{"priority":"low"}}',
  );
  const { standard, unlimited } = plansOf();
  expect(plans.standard).toEqual({ ...standard, queued: 7 });
  expect(plans['pro']).toEqual({ ...standard, queued: 7, monthly_credits: 9 });
  expect(plans.unlimited).toEqual({ ...unlimited, priority: 'low' });
});

it.each([
  ['{', /PLANS .*is not a JSON object of plans/],
  ['[]', /is not a JSON object of plans/],
  ['{"pro":{"queud":1}}', /queud/],
  ['{"pro":{"queued":0}}', /pro\.queued/],
  ['{"pro":{"queued":1.5}}', /pro\.queued/],
  ['{"pro":{"monthly_credits":-1}}', /pro\.monthly_credits/],
  ['{"Pro plan":{}}', /Pro plan|is not a JSON object/],
])('it refuses %s', (text, message) => {
  expect(() => plansOf(text)).toThrow(message);
});
