import { ChatWriter } from '../../src/features/chat-history/chat-writer.js';
import { GenerationEffects } from '../../src/features/effects/generation-effects.js';
import { A1111Engine } from '../../src/features/image-generation/engines/a1111-engine.js';
import { DiskObjectStorage } from '../../src/features/storage/disk-object-storage.js';
import { ImageStore } from '../../src/features/images/image-store.js';
import { S3ObjectStorage } from '../../src/features/storage/s3-object-storage.js';
import { StoredFiles } from '../../src/features/stored-files/stored-files.js';
import { WebhookClient } from '../../src/features/webhooks/webhook-client.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import { TaskClaims } from '../../src/tasks/ledger/task-claims.js';
import { ScheduleRuns } from '../../src/tasks/schedules/schedule-runs.js';
import { ClaimsWithinLimits } from '../../src/tasks/workers/claims-within-limits.js';
import { TaskAttempts } from '../../src/tasks/running/task-attempts.js';

/** A worker that dies of SIGKILL when its first task, or tick, reaches the phase named by DIE_WHEN. */
type Methods = Record<string, (...args: never[]) => Promise<unknown>>;

const storages = [DiskObjectStorage.prototype, S3ObjectStorage.prototype];
const spools = [ImageStore.prototype, StoredFiles.prototype];

const phases: Record<string, () => void> = {
  claimed: () => {
    dieOnceClaimed(TaskClaims.prototype, 'claim');
    dieOnceClaimed(ClaimsWithinLimits.prototype, 'claim');
  },
  drawing: () => dieDuring(A1111Engine.prototype, 'txt2img', 400),
  drawn: () => dieAfter(A1111Engine.prototype, 'txt2img'),
  committing: () => dieAfter(ImageStore.prototype, 'add'),
  committed: () => dieAfter(TaskAttempts.prototype, 'succeed'),
  ticking: () => dieAfter(TaskClient.prototype, 'send'),
  ticked: () => dieOnceGiven(ScheduleRuns.prototype, 'tick'),
  following: () => dieAfter(GenerationEffects.prototype, 'of'),
  posted: () => dieAfter(WebhookClient.prototype, 'post'),
  saving: () => dieAfter(ChatWriter.prototype, 'save'),
  // A worker uploads to one of the two, and in its test either a picture or a file.
  uploading: () => storages.forEach((one) => dieAfter(one, 'put')),
  thumbnailed: () => storages.forEach((one) => dieAfter(one, 'put', 2)),
  uploaded: () => spools.forEach((one) => dieBefore(one, 'markStored')),
  marked: () => spools.forEach((one) => dieAfter(one, 'markStored')),
};

/** @param calls the first one that it does not survive */
function dieAfter(prototype: object, method: string, calls = 1): void {
  let made = 0;
  wrap(prototype, method, async (run) => {
    const answer = await run();
    if (++made === calls) die();
    return answer;
  });
}

/** A claim may also say why there is none. */
function dieOnceClaimed(prototype: object, method: string): void {
  wrap(prototype, method, async (run) => {
    const claim = (await run()) as { kind: string };
    if (claim.kind === 'claimed') die();
    return claim;
  });
}

/** A tick that finds nothing to send is none. */
function dieOnceGiven(prototype: object, method: string): void {
  wrap(prototype, method, async (run) => {
    const answer = await run();
    if (answer !== null) die();
    return answer;
  });
}

function dieBefore(prototype: object, method: string): void {
  wrap(prototype, method, async () => die());
}

function dieDuring(prototype: object, method: string, afterMs: number): void {
  wrap(prototype, method, (run) => {
    setTimeout(die, afterMs);
    return run();
  });
}

function wrap(
  prototype: object,
  method: string,
  around: (run: () => Promise<unknown>) => Promise<unknown>,
): void {
  const methods = prototype as Methods;
  const original = methods[method]!;
  methods[method] = function (this: unknown, ...args: never[]) {
    return around(() => original.apply(this, args));
  };
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

phases[process.env['DIE_WHEN'] ?? '']!();
await import('../../src/worker.js');
