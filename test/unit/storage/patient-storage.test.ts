import { afterEach, describe, expect, it } from '@jest/globals';
import { RetryableTaskError, Snooze } from '../../../src/tasks/definitions/task-errors.js';
import type { PutOffTasks } from '../../../src/tasks/operations/put-off-tasks.js';
import { StorageError, type ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { PatientStorage } from '../../../src/features/storage/patient-storage.js';
import { uploadToCloudTask } from '../../../src/features/storage/storage.tasks.js';
import { eventually } from '../../support/eventually.js';

const bytes = Buffer.from('a picture');
const failure = () => new StorageError('storage_unavailable', 'It fails.', { cause: undefined });

describe('storage that may be away', () => {
  let patient: PatientStorage;
  afterEach(() => patient.onModuleDestroy());

  /** @param fails whether a write of this key fails */
  function storageThat(fails: (key: string) => boolean) {
    const asked: string[] = [];
    let woken = 0;
    const storage = {
      put: async (key: string) => {
        asked.push(key);
        if (fails(key)) throw failure();
      },
      delete: async (key: string) => void asked.push(`delete ${key}`),
    };
    const putOff = { wake: async () => ++woken };
    patient = new PatientStorage(
      storage as unknown as ObjectStorage,
      putOff as unknown as PutOffTasks,
    );
    return { asked, woken: () => woken };
  }
  const attempt = (n: number) => ({ attempt: n, signal: new AbortController().signal });
  const put = async (n = 1): Promise<unknown> => {
    try {
      patient.refuseWhileAway(attempt(n));
      await patient.put('images/a/0.png', bytes, 'image/png', attempt(n));
      return undefined;
    } catch (error) {
      return error;
    }
  };

  it('puts tasks off while it is away, and only a probe asks it', async () => {
    let away = true;
    const { asked, woken } = storageThat(() => away);
    expect(await put()).toBeInstanceOf(Snooze);
    expect(asked.length).toBe(2);
    for (let n = 0; n < 50; n++) expect(await put()).toBeInstanceOf(Snooze);
    expect(asked.filter((key) => key.startsWith('images/')).length).toBe(1);
    expect(woken()).toBe(0);
    away = false;
    await eventually('it is back, and the tasks are woken', async () => woken() === 1);
    expect(await put()).toBe(undefined);
    // What is asked to show that it is back is not left behind.
    const probes = asked.filter((key) => key.startsWith('probes/'));
    expect(asked).toContain(`delete ${probes.at(-1)!}`);
  });

  it('looks again later and later, in the end after ten minutes', async () => {
    storageThat(() => true);
    const delays = [];
    for (const n of [1, 2, 20, 100_000]) delays.push(((await put(n)) as Snooze).delayMs);
    const { delayMs, maxDelayMs, jitter } = uploadToCloudTask.retry;
    const most = [delayMs, delayMs * 2, maxDelayMs, maxDelayMs];
    expect(delays.every((ms, i) => ms <= most[i]! && ms >= most[i]! * (1 - jitter))).toBe(true);
  });

  it('takes trouble with one object for that: it is a retry, and others go on', async () => {
    const { woken } = storageThat((key) => key === 'images/a/0.png');
    expect(await put()).toBeInstanceOf(RetryableTaskError);
    await patient.put('images/b/0.png', bytes, 'image/png', attempt(1));
    expect(woken()).toBe(1);
  });

  it('passes on what is no trouble of the storage, and the reason of an attempt that is stopped', async () => {
    storageThat(() => true);
    const stopped = new AbortController();
    const reason = new Error('the worker stops');
    stopped.abort(reason);
    const context = { attempt: 1, signal: stopped.signal };
    await expect(patient.put('images/a/0.png', bytes, 'image/png', context)).rejects.toBe(reason);
    patient.onModuleDestroy();
    storageThat(() => {
      throw new TypeError('a bug');
    });
    expect(await put()).toBeInstanceOf(TypeError);
  });
});
