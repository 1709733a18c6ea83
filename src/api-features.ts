import { AccountsModule } from './features/accounts/accounts.module.js';
import { AdminQueuesModule } from './features/admin-queues/admin-queues.module.js';
import { AuthModule } from './features/auth/auth.module.js';
import { CalculateModule } from './features/calculate/calculate.module.js';
import { ChatHistoryModule } from './features/chat-history/chat-history.module.js';
import { CreditsModule } from './features/credits/credits.module.js';
import { EmailModule } from './features/email/email.module.js';
import { EventSourcesModule } from './features/event-sources/event-sources.module.js';
import { EventSearchModule } from './features/event-search/event-search.module.js';
import { EventsModule } from './features/events/events.module.js';
import { FrontDoorModule } from './features/front-door/front-door.module.js';
import { GalleryModule } from './features/gallery/gallery.module.js';
import { GenerationFeedbackModule } from './features/generation-feedback/generation-feedback.module.js';
import { HealthModule } from './features/health/health.module.js';
import { ImageGenerationModule } from './features/image-generation/image-generation.module.js';
import { ImagesModule } from './features/images/images.module.js';
import { KeysModule } from './features/keys/keys.module.js';
import { MetricsApiModule } from './features/metrics/metrics-api.module.js';
import { LiveModule } from './features/live/live.module.js';
import { OwnTasksModule } from './features/own-tasks/own-tasks.module.js';
import { SignInModule } from './features/sign-in/sign-in.module.js';
import { TaskStatusModule } from './features/task-status/task-status.module.js';
import { TracingApiModule } from './features/tracing/tracing-api.module.js';
import { UploadsModule } from './features/uploads/uploads.module.js';
import { UsersModule } from './features/users/users.module.js';
import { WebhooksModule } from './features/webhooks/webhooks.module.js';
// It shows the pipelines and checks their events.
import './pipelines.js';

/** What answers HTTP. Workers do not load it: the HTTP packages take a quarter of a worker's start. */
export const apiFeatures = [
  AuthModule,
  MetricsApiModule,
  TracingApiModule,
  FrontDoorModule,
  HealthModule,
  AdminQueuesModule,
  TaskStatusModule,
  OwnTasksModule,
  LiveModule,
  KeysModule,
  CreditsModule,
  UsersModule,
  AccountsModule,
  EmailModule,
  SignInModule,
  ImageGenerationModule,
  ImagesModule,
  GalleryModule,
  ChatHistoryModule,
  UploadsModule,
  CalculateModule,
  WebhooksModule,
  EventSearchModule,
  EventsModule,
  EventSourcesModule,
  GenerationFeedbackModule,
];

/** Codes of the features' own refusals, for the API's description. */
export const problemCodes = {
  insufficient_scope: 'The key is valid, but lacks the scope that this needs.',
  insufficient_credits: 'You have too few credits; `balance` and `price` say how many.',
  quota_exceeded: 'A limit of your plan is reached, which `limit` names; see Retry-After.',
  overdrawn: 'More credits are to be taken back than the user has.',
  wrong_login: 'The address or the password is wrong, or the address is not confirmed.',
  wrong_password: 'The current password is wrong.',
  login_ended: 'The refresh token is wrong, expired, or was used before.',
  invalid_link: 'The link of a mail is wrong, has expired, or was used before.',
  registration_closed: 'Only admins make users here.',
  last_admin: 'There must be an admin, and this is the last one.',
  too_many_streams: 'You have as many event streams open as you may.',
  too_many_keys: 'The user has as many keys as there may be.',
  too_many_webhooks: 'The user has as many webhooks as there may be.',
  too_many_deliveries: 'Too many deliveries are waiting for receivers that do not take them.',
  secret_unreadable: 'The server has another key by now. Rotate the secret.',
  idempotency_key_reused: 'This Idempotency-Key was already used for a different request.',
  unsupported_by_engines:
    'No Stable Diffusion server can make this picture as requested; `errors` lists the fields.',
  idempotency_in_progress:
    'The first request with this Idempotency-Key is still being processed; see Retry-After.',
  invalid_picture:
    'The upload is not a PNG, JPEG or WebP that can be read, or has too many pixels.',
  too_many_uploads: 'The user has as many uploads as there may be.',
  storage_full:
    'The storage is away, and the database holds as much for it as it may; see Retry-After.',
  event_id_reused: 'You have sent another event with this id before.',
  too_many_sources: 'The user has as many event sources as there may be.',
  wrong_signature: 'The signature of an event is wrong, or its message is too old.',
  event_open: 'The event is still being processed.',
  idempotent_task_forgotten: 'The task of this Idempotency-Key was deleted.',
};
