import { GenerationFeedbackWorkerModule } from './features/generation-feedback/generation-feedback-worker.module.js';
import { PhotoRequestWorkerModule } from './features/photo-request/photo-request-worker.module.js';
import { UserLifecycleWorkerModule } from './features/user-lifecycle/user-lifecycle-worker.module.js';

/** What runs the nodes of the pipelines. Who imports this knows the pipelines, and the types of their events. */
export const pipelineModules = [
  PhotoRequestWorkerModule,
  GenerationFeedbackWorkerModule,
  UserLifecycleWorkerModule,
];
