import { oldSessions } from './features/auth/old-sessions.js';
import { CalculateWorkerModule } from './features/calculate/calculate-worker.module.js';
import { CreditsWorkerModule } from './features/credits/credits-worker.module.js';
import { ImageGenerationWorkerModule } from './features/image-generation/image-generation-worker.module.js';
import { generateImageTask } from './features/image-generation/image-generation.tasks.js';
import { oldGenerations, oldIdempotencyKeys } from './features/image-generation/old-generations.js';
import { ImagesWorkerModule } from './features/images/images-worker.module.js';
import { MaintenanceWorkerModule } from './features/maintenance/maintenance-worker.module.js';

/** What runs tasks. */
export const workerFeatures = [
  ImageGenerationWorkerModule,
  ImagesWorkerModule,
  CalculateWorkerModule,
  CreditsWorkerModule,
  MaintenanceWorkerModule.with({
    oldRows: [oldSessions, oldGenerations, oldIdempotencyKeys],
    kept: [generateImageTask],
  }),
];
