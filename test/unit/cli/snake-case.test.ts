import { describe, expect, it } from '@jest/globals';
import { snakeCased } from '../../../src/cli/snake-case.js';

describe('the JSON of the command line', () => {
  it('has snake_case keys at every depth', () => {
    const at = new Date(0);
    expect(
      snakeCased({ taskId: 'a', list: [{ runtimeMs: 1, rateLimit: { perMs: 2 } }], startedAt: at }),
    ).toEqual({
      task_id: 'a',
      list: [{ runtime_ms: 1, rate_limit: { per_ms: 2 } }],
      started_at: at,
    });
  });

  it('keeps the data of users and handlers, and names, unchanged', () => {
    const payload = { userName: 'x', deep: [{ aB: 1 }] };
    expect(
      snakeCased({
        payload,
        result: payload,
        tasksByName: { sendMail: { maxMs: 1 } },
        contexts: { LiveEvents: 1 },
      }),
    ).toEqual({
      payload,
      result: payload,
      tasks_by_name: { sendMail: { max_ms: 1 } },
      contexts: { LiveEvents: 1 },
    });
  });
});
