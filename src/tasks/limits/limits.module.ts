import { Module } from '@nestjs/common';
import { HintsModule } from '../hints/hints.module.js';
import { ConcurrencyLimits } from './concurrency-limits.js';
import { FairShares } from './fair-shares.js';
import { OnceKeys } from './once-keys.js';
import { OwnerLimits } from './owner-limits.js';
import { RateLimits } from './rate-limits.js';
import { TaskLimits } from './task-limits.js';

const services = [TaskLimits, RateLimits, ConcurrencyLimits, OnceKeys, FairShares, OwnerLimits];

/** Time, rate and concurrency limits, and the keys of `once`. */
@Module({ imports: [HintsModule], providers: services, exports: services })
export class LimitsModule {}
