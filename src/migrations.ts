import { Accounts1763700001000 } from './features/auth/migrations/1763700001000-accounts.js';
import { Audit1763700030000 } from './features/audit/migrations/1763700030000-audit.js';
import { Canvas1763700003000 } from './tasks/migrations/1763700003000-canvas.js';
import { Chats1763700042000 } from './features/chat-history/migrations/1763700042000-chats.js';
import { Crashes1763700010000 } from './tasks/migrations/1763700010000-crashes.js';
import { Credits1763700032000 } from './features/credits/migrations/1763700032000-credits.js';
import { EndedDeliveries1763700052000 } from './features/webhooks/migrations/1763700052000-ended-deliveries.js';
import { EndedMails1763700051000 } from './features/email/migrations/1763700051000-ended-mails.js';
import { FairShares1763700034000 } from './tasks/migrations/1763700034000-fair-shares.js';
import { FinishedByName1763700011000 } from './tasks/migrations/1763700011000-finished-by-name.js';
import { FollowUps1763700036000 } from './tasks/migrations/1763700036000-follow-ups.js';
import { Gallery1763700041000 } from './features/images/migrations/1763700041000-gallery.js';
import { GenerationFeedback1763700054000 } from './features/generation-feedback/migrations/1763700054000-generation-feedback.js';
import { Images1763700002000 } from './features/images/migrations/1763700002000-images.js';
import { JoinedNodes1763700020000 } from './tasks/migrations/1763700020000-joined-nodes.js';
import { KeyScopes1763700031000 } from './features/auth/migrations/1763700031000-key-scopes.js';
import { Limits1763700006000 } from './tasks/migrations/1763700006000-limits.js';
import { LowCredits1763700045000 } from './features/credits/migrations/1763700045000-low-credits.js';
import { MailPreferences1763700038000 } from './features/email/migrations/1763700038000-mail-preferences.js';
import { Mails1763700037000 } from './features/email/migrations/1763700037000-mails.js';
import { OwnerLimits1763700035000 } from './tasks/migrations/1763700035000-owner-limits.js';
import { PasswordRequests1763700050000 } from './features/accounts/migrations/1763700050000-password-requests.js';
import { PutOffTasks1763700044000 } from './tasks/migrations/1763700044000-put-off-tasks.js';
import { EventDocuments1763700048000 } from './features/event-search/migrations/1763700048000-event-documents.js';
import { EventSources1763700049000 } from './features/event-sources/migrations/1763700049000-event-sources.js';
import { Events1763700047000 } from './features/pipelines/migrations/1763700047000-events.js';
import { Waiters1763700046000 } from './tasks/migrations/1763700046000-waiters.js';
import { WaitingTasks1763700057000 } from './tasks/migrations/1763700057000-waiting-tasks.js';
import { RateBuckets1763700021000 } from './tasks/migrations/1763700021000-rate-buckets.js';
import { Schedules1763700004000 } from './tasks/migrations/1763700004000-schedules.js';
import { SignUp1763700033000 } from './features/accounts/migrations/1763700033000-sign-up.js';
import { Snoozes1763700012000 } from './tasks/migrations/1763700012000-snoozes.js';
import { SpoolInPieces1763700053000 } from './features/stored-files/migrations/1763700053000-spool-in-pieces.js';
import { StoredFiles1763700043000 } from './features/stored-files/migrations/1763700043000-stored-files.js';
import { TaskHistory1763700055000 } from './tasks/migrations/1763700055000-task-history.js';
import { Tasks1763700000000 } from './tasks/migrations/1763700000000-tasks.js';
import { WebhookDeliveries1763700040000 } from './features/webhooks/migrations/1763700040000-webhook-deliveries.js';
import { WebhookEndpoints1763700039000 } from './features/webhooks/migrations/1763700039000-webhook-endpoints.js';
import { WorkerProcesses1763700022000 } from './tasks/migrations/1763700022000-worker-processes.js';
import { Workers1763700005000 } from './tasks/migrations/1763700005000-workers.js';

/**
 * The schema's history, oldest first. A migration lies in the folder of the feature that owns its tables,
 * or in `src/tasks/migrations`; the list is one, as a later one may build on any earlier one.
 */
export const migrations = [
  Tasks1763700000000,
  Accounts1763700001000,
  Images1763700002000,
  Canvas1763700003000,
  Schedules1763700004000,
  Workers1763700005000,
  Limits1763700006000,
  Crashes1763700010000,
  FinishedByName1763700011000,
  Snoozes1763700012000,
  JoinedNodes1763700020000,
  RateBuckets1763700021000,
  WorkerProcesses1763700022000,
  Audit1763700030000,
  KeyScopes1763700031000,
  Credits1763700032000,
  SignUp1763700033000,
  FairShares1763700034000,
  OwnerLimits1763700035000,
  FollowUps1763700036000,
  Mails1763700037000,
  MailPreferences1763700038000,
  WebhookEndpoints1763700039000,
  WebhookDeliveries1763700040000,
  Gallery1763700041000,
  Chats1763700042000,
  StoredFiles1763700043000,
  PutOffTasks1763700044000,
  LowCredits1763700045000,
  Waiters1763700046000,
  Events1763700047000,
  EventDocuments1763700048000,
  EventSources1763700049000,
  PasswordRequests1763700050000,
  EndedMails1763700051000,
  EndedDeliveries1763700052000,
  SpoolInPieces1763700053000,
  GenerationFeedback1763700054000,
  TaskHistory1763700055000,
  WaitingTasks1763700057000,
];
