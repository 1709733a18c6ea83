import { AdminQueuesModule } from './features/admin-queues/admin-queues.module.js';
import { AuthModule, authEntities } from './features/auth/auth.module.js';
import { oldSessions } from './features/auth/old-sessions.js';
import { CalculateModule, CalculateWorkerModule } from './features/calculate/calculate.module.js';
import { FrontDoorModule } from './features/front-door/front-door.module.js';
import { HealthModule } from './features/health/health.module.js';
import {
  ImageGenerationModule,
  ImageGenerationWorkerModule,
} from './features/image-generation/image-generation.module.js';
import { generateImageTask } from './features/image-generation/image-generation.tasks.js';
import { oldGenerations, oldIdempotencyKeys } from './features/image-generation/old-generations.js';
import { GeneratedImageEntity } from './features/images/generated-image.entity.js';
import { ImagesApiModule, ImagesWorkerModule } from './features/images/images.module.js';
import { MaintenanceWorkerModule } from './features/maintenance/maintenance.module.js';
import { TaskStatusModule } from './features/task-status/task-status.module.js';
import { TaskEntity } from './tasks/ledger/task.entity.js';

/** What answers HTTP. */
export const apiFeatures = [
  AuthModule,
  FrontDoorModule,
  HealthModule,
  AdminQueuesModule,
  TaskStatusModule,
  ImageGenerationModule,
  ImagesApiModule,
  CalculateModule,
];

/** What runs tasks. */
export const workerFeatures = [
  ImageGenerationWorkerModule,
  ImagesWorkerModule,
  CalculateWorkerModule,
  MaintenanceWorkerModule.with({
    oldRows: [oldSessions, oldGenerations, oldIdempotencyKeys],
    kept: [generateImageTask],
  }),
];

export const entities = [TaskEntity, GeneratedImageEntity, ...authEntities];

/** Codes of the features' own refusals, for the API's description. */
export const problemCodes = {
  idempotency_key_reused: 'This Idempotency-Key was already used for a different request.',
  unsupported_by_engines:
    'No Stable Diffusion server can make this picture as requested; `errors` lists the fields.',
  idempotency_in_progress:
    'The first request with this Idempotency-Key is still being processed; see Retry-After.',
  idempotent_task_forgotten: 'The task of this Idempotency-Key was deleted.',
};
