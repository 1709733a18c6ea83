import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { SecretUnreadable } from './sealed-secret.js';
import type { Endpoint } from './endpoint.js';
import { WebhookEndpoints } from './webhook-endpoints.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhookUrls } from './webhook-urls.js';
import {
  webhookOf,
  type DefaultSecret,
  type MadeWebhook,
  type NewWebhook,
  type RotatedSecret,
  type Webhook,
  type WebhookChanges,
  type WebhookList,
} from './webhooks.dto.js';
import { UnreadableSecretError } from './webhooks.errors.js';

/** What users do with their webhooks, and admins with everybody's. */
@Injectable()
export class WebhooksService {
  constructor(
    private readonly endpoints: WebhookEndpoints,
    private readonly secrets: WebhookSecrets,
    private readonly urls: WebhookUrls,
    private readonly audit: AuditLog,
  ) {}

  /** @throws InvalidFieldsError for an address that is not allowed; TooManyWebhooksError */
  async create(user: RequestUser, request: NewWebhook): Promise<MadeWebhook> {
    this.urls.check(request.url);
    const { endpoint, secret } = await this.endpoints.create(user.id, request);
    return { secret, ...webhookOf(endpoint) };
  }

  async list(user: RequestUser): Promise<WebhookList> {
    return { webhooks: (await this.endpoints.list(user.id)).map(webhookOf) };
  }

  /** @throws NotFoundError for unknown webhooks and those of other users alike */
  async read(user: RequestUser, id: string): Promise<Endpoint> {
    const endpoint = await this.visible(user, id);
    if (endpoint.userId !== user.id) this.audit.reads(user, { action: 'webhook.read', target: id });
    return endpoint;
  }

  /** @throws InvalidFieldsError, NotFoundError */
  async change(user: RequestUser, id: string, changes: WebhookChanges): Promise<Webhook> {
    await this.toChange(user, id, 'webhook.change');
    if (changes.url !== undefined) this.urls.check(changes.url);
    const changed = await this.endpoints.change(id, changes);
    if (!changed) throw new NotFoundError('webhook');
    return webhookOf(changed);
  }

  /** @throws NotFoundError */
  async delete(user: RequestUser, id: string): Promise<void> {
    await this.toChange(user, id, 'webhook.delete');
    await this.endpoints.delete(id);
  }

  /** @throws NotFoundError */
  async rotate(user: RequestUser, id: string): Promise<RotatedSecret> {
    await this.toChange(user, id, 'webhook.rotate_secret');
    return rotated(await this.endpoints.rotate(id));
  }

  /** What signs the webhooks that generations name themselves. @throws UnreadableSecretError */
  async defaultSecret(user: RequestUser): Promise<DefaultSecret> {
    try {
      return { secret: (await this.secrets.ofUser(user.id))[0]! };
    } catch (error) {
      throw error instanceof SecretUnreadable ? new UnreadableSecretError(error) : error;
    }
  }

  async rotateDefault(user: RequestUser): Promise<RotatedSecret> {
    return rotated(await this.secrets.rotateOfUser(user.id));
  }

  /** Leaves a trace when it is somebody else's. @throws NotFoundError */
  async toChange(user: RequestUser, id: string, action: string): Promise<Endpoint> {
    const endpoint = await this.visible(user, id);
    if (endpoint.userId !== user.id) {
      const detail = { owner_id: endpoint.userId };
      await this.audit.changes(user, { action, target: id, detail });
    }
    return endpoint;
  }

  private async visible(user: RequestUser, id: string): Promise<Endpoint> {
    const endpoint = await this.endpoints.find(id);
    const own = endpoint?.userId === user.id;
    if (!endpoint || !(own || user.role === 'admin')) throw new NotFoundError('webhook');
    return endpoint;
  }
}

function rotated(made: { secret: string; previousUntil: Date | null }): RotatedSecret {
  return { secret: made.secret, previous_until: made.previousUntil?.toISOString() ?? null };
}
