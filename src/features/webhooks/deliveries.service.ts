import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  deliveryListOf,
  wholeDeliveryOf,
  type DeliveriesQuery,
  type DeliveryList,
  type SentDelivery,
  type WholeDelivery,
} from './deliveries.dto.js';
import { Deliveries } from './deliveries.js';
import { WebhooksService } from './webhooks.service.js';

/** What users do with the deliveries of their webhooks, and admins with everybody's. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly deliveries: Deliveries,
    private readonly webhooks: WebhooksService,
    private readonly audit: AuditLog,
  ) {}

  async list(user: RequestUser, query: DeliveriesQuery): Promise<DeliveryList> {
    return deliveryListOf(await this.deliveries.list({ userId: user.id }, query), query.limit);
  }

  /** @throws NotFoundError */
  async listOf(user: RequestUser, webhookId: string, query: DeliveriesQuery) {
    const { id, userId } = await this.webhooks.read(user, webhookId);
    return deliveryListOf(
      await this.deliveries.list({ userId, endpointId: id }, query),
      query.limit,
    );
  }

  /** @throws NotFoundError */
  async read(user: RequestUser, id: string): Promise<WholeDelivery> {
    const found = await this.visible(user, id);
    if (found.userId !== user.id) this.audit.reads(user, { action: 'webhook.read', target: id });
    return wholeDeliveryOf(found);
  }

  /** @throws NotFoundError, TooManyDeliveriesError */
  async test(user: RequestUser, webhookId: string): Promise<SentDelivery> {
    const { id, userId } = await this.webhooks.toChange(user, webhookId, 'webhook.test');
    return { delivery_id: await this.deliveries.ping(userId, id) };
  }

  /** @throws NotFoundError, TooManyDeliveriesError */
  async replay(user: RequestUser, id: string): Promise<SentDelivery> {
    const { userId } = await this.visible(user, id);
    if (userId !== user.id) {
      const detail = { owner_id: userId };
      await this.audit.changes(user, { action: 'webhook.replay', target: id, detail });
    }
    await this.deliveries.replay(id, userId);
    return { delivery_id: id };
  }

  private async visible(user: RequestUser, id: string) {
    const found = await this.deliveries.find(id);
    const own = found?.userId === user.id;
    if (!found || !(own || user.role === 'admin')) throw new NotFoundError('delivery');
    return found;
  }
}
