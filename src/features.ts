import { AdminQueuesModule } from './features/admin-queues/admin-queues.module.js';
import { AuthModule, authEntities } from './features/auth/auth.module.js';
import { HealthModule } from './features/health/health.module.js';
import {
  ImageGenerationModule,
  ImageGenerationWorkerModule,
} from './features/image-generation/image-generation.module.js';
import { GeneratedImageEntity } from './features/images/generated-image.entity.js';
import { ImagesApiModule, ImagesWorkerModule } from './features/images/images.module.js';
import { TaskStatusModule } from './features/task-status/task-status.module.js';
import { TaskEntity } from './tasks/task.entity.js';

/** What answers HTTP. */
export const apiFeatures = [
  AuthModule,
  HealthModule,
  AdminQueuesModule,
  TaskStatusModule,
  ImageGenerationModule,
  ImagesApiModule,
];

/** What runs tasks. */
export const workerFeatures = [ImageGenerationWorkerModule, ImagesWorkerModule];

export const entities = [TaskEntity, GeneratedImageEntity, ...authEntities];

/** Codes of the features' own refusals, for the API's description. */
export const problemCodes = {
  idempotency_key_reused: 'This Idempotency-Key came with another request before.',
  idempotency_in_progress:
    'The first request with this Idempotency-Key still runs; see Retry-After.',
};
