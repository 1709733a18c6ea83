import { AppError } from '../../common/app-error.js';

export class InsufficientCreditsError extends AppError {
  constructor(balance: number, price: number) {
    super(402, 'insufficient_credits', `This costs ${price} credits, and you have ${balance}.`, {
      members: { balance, price },
    });
  }
}

/** Names of the limits in a plan. */
export type QuotaName = 'requests_per_minute' | 'queued' | 'images_per_day';

const quotas: Record<QuotaName, string> = {
  requests_per_minute: 'generations a minute',
  queued: 'generations that are not over',
  images_per_day: 'images a day',
};

export class QuotaExceededError extends AppError {
  constructor(limit: QuotaName, most: number, retryAfterSeconds: number) {
    super(429, 'quota_exceeded', `Your plan allows ${most} ${quotas[limit]}.`, {
      retryAfterSeconds,
      members: { limit },
    });
  }
}

export class OverdrawnError extends AppError {
  constructor() {
    super(409, 'overdrawn', 'The user does not have as many credits as are to be taken back.');
  }
}

export class NotChargedError extends AppError {
  constructor() {
    super(404, 'not_found', 'Nobody was charged for this task.');
  }
}
