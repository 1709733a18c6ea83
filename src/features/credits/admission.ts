import type { AppError } from '../../common/app-error.js';
import type { Plan } from '../../config/variables/credits.js';
import type { Account } from './credit-accounts.js';
import { InsufficientCreditsError, QuotaExceededError } from './credits.errors.js';

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Until some task of the user may be over. Seconds. */
const queueRetryS = 10;

export interface Demand {
  images: number;
  /** Credits, of all images. */
  price: number;
}

/** Whether one more generation of the user is accepted, and if not, why not. Accepting it changes `account`. */
export function admit(
  account: Account,
  plan: Plan,
  { images, price }: Demand,
): AppError | undefined {
  turnOver(account);
  const exceeded = exceededQuota(account, plan, images);
  if (exceeded) return exceeded;
  if (account.balance < price) return new InsufficientCreditsError(account.balance, price);
  account.balance -= price;
  account.openTasks += 1;
  account.minuteRequests += 1;
  account.dayImages += images;
  return undefined;
}

/** A minute or a day that is over counts no longer. */
function turnOver(account: Account): void {
  const { now } = account;
  const passedMs = now.getTime() - account.minuteStart.getTime();
  if (passedMs >= minuteMs) Object.assign(account, { minuteStart: now, minuteRequests: 0 });
  const today = now.toISOString().slice(0, 10);
  if (account.day < today) Object.assign(account, { day: today, dayImages: 0 });
}

function exceededQuota(
  account: Account,
  plan: Plan,
  images: number,
): QuotaExceededError | undefined {
  const { requests_per_minute: perMinute, queued, images_per_day: perDay } = plan;
  const nowMs = account.now.getTime();
  if (perMinute !== null && account.minuteRequests >= perMinute) {
    const leftMs = account.minuteStart.getTime() + minuteMs - nowMs;
    return new QuotaExceededError('requests_per_minute', perMinute, seconds(leftMs));
  }
  if (queued !== null && account.openTasks >= queued) {
    return new QuotaExceededError('queued', queued, queueRetryS);
  }
  if (perDay !== null && account.dayImages + images > perDay) {
    return new QuotaExceededError('images_per_day', perDay, seconds(dayMs - (nowMs % dayMs)));
  }
  return undefined;
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
