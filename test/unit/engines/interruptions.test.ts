import { describe, expect, it } from '@jest/globals';
import { Interruptions } from '../../../src/features/image-generation/engines/a1111-interruptions.js';
import { A1111Removal } from '../../../src/features/image-generation/engines/a1111-removal.js';
import {
  A1111Status,
  type GlobalStatus,
  type NoStatus,
} from '../../../src/features/image-generation/engines/a1111-status.js';
import { A1111Http } from '../../../src/features/image-generation/engines/a1111-http.js';

const patient = new AbortController().signal;

const status = (state: Partial<GlobalStatus['state']>): GlobalStatus => ({
  progress: 0.5,
  eta_relative: 1,
  state: {
    job_count: 1,
    sampling_step: 10,
    sampling_steps: 20,
    interrupted: false,
    skipped: false,
    job_timestamp: 'mine',
    ...state,
  },
});

/** A server whose answers are given. */
class Says extends A1111Status {
  all: GlobalStatus | NoStatus = 'none';
  active: string[] = [];
  afterInterrupt: () => void = () => {};

  constructor() {
    super(new A1111Http('http://nowhere'), 1);
  }

  override async task(jobId: string) {
    const active = this.active.includes(jobId);
    return { active, queued: false, completed: !active };
  }

  override async global() {
    return this.all;
  }

  override async interrupt() {
    this.afterInterrupt();
    return true;
  }
}

describe('a picture', () => {
  const seen: [what: string, state: Partial<GlobalStatus['state']>, hit: boolean][] = [
    ['interrupted half-way is spoiled', { interrupted: true }, true],
    ['skipped half-way is spoiled', { skipped: true }, true],
    ['interrupted in its last steps is not', { interrupted: true, sampling_step: 19 }, false],
    ['not interrupted is not', {}, false],
    ['of another job is not', { interrupted: true, job_timestamp: 'other' }, false],
  ];
  for (const [what, state, hit] of seen) {
    it(`${what}, seen while it is drawn`, async () => {
      const interruptions = new Interruptions(new Says());
      interruptions.note(status(state));
      expect(await interruptions.hit('mine', patient)).toBe(hit);
    });

    it(`${what}, seen after it`, async () => {
      const says = new Says();
      says.all = status({ ...state, job_count: 0 });
      expect(await new Interruptions(says).hit('mine', patient)).toBe(hit);
    });
  }

  it('is spoiled once, but not the next one that began in the same second', async () => {
    const interruptions = new Interruptions(new Says());
    interruptions.note(status({ interrupted: true }));
    expect(await interruptions.hit('mine', patient)).toBe(true);
    expect(await interruptions.hit('mine', patient)).toBe(false);
  });

  it('is not known to be spoiled when the server gives no times', async () => {
    const says = new Says();
    says.all = status({ interrupted: true, job_timestamp: undefined });
    const interruptions = new Interruptions(says);
    interruptions.note(says.all);
    expect(await interruptions.hit(undefined, patient)).toBe(false);
  });
});

describe('an interrupt for a job that has already ended', () => {
  it('is remembered for the job that it stopped', async () => {
    const says = new Says();
    says.active = ['a'];
    says.all = status({ job_timestamp: 'of a' });
    says.afterInterrupt = () => {
      says.active = ['b'];
      says.all = status({ job_timestamp: 'of b', interrupted: true });
    };
    const interruptions = new Interruptions(says);
    await new A1111Removal(says, interruptions, 1).remove('a', patient);
    says.all = status({ job_timestamp: 'of c' });
    expect(await interruptions.hit('of b', patient)).toBe(true);
    expect(await interruptions.hit('of a', patient)).toBe(false);
    expect(await interruptions.hit('of c', patient)).toBe(false);
  });
});
