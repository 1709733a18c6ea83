import { Injectable } from '@nestjs/common';
import { completeWith, type TaskContext } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { Snooze } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { DeliveryOutcomes } from './delivery-outcomes.js';
import { DueDeliveries, type DueDelivery } from './due-deliveries.js';
import { SecretUnreadable } from './sealed-secret.js';
import { WebhookClient } from './webhook-client.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { signedHeaders } from './webhook-signature.js';
import { hostOf } from './webhook-urls.js';
import { deliverWebhookTask } from './webhooks.tasks.js';

/** Old news of progress help nobody. Milliseconds. */
const progressLivesMs = 60_000;
/** A delivery that finds its host in trouble after so long has had its chances. Milliseconds. */
const longestMs = 27 * 3_600_000;

@Injectable()
export class WebhooksProcessor {
  constructor(
    private readonly deliveries: DueDeliveries,
    private readonly outcomes: DeliveryOutcomes,
    private readonly secrets: WebhookSecrets,
    private readonly client: WebhookClient,
  ) {}

  @HandlesTask(deliverWebhookTask)
  async deliver(payload: Payload<typeof deliverWebhookTask>, { signal }: TaskContext) {
    const due = await this.deliveries.find(payload);
    if (!due) return { outcome: 'outdated' as const };
    const pausedMs = await this.deliveries.pausedMs(due.laneId, hostOf(due.url ?? ''));
    const over = whyOver(due, pausedMs);
    if (over !== undefined) return this.endedAs(due, over);
    if (pausedMs > 0) throw leftAlone(pausedMs);
    const secrets = await this.secretsOf(due);
    if (!secrets) return this.endedAs(due, 'secret_unreadable');
    const body = await this.deliveries.begin(due.id);
    if (body === undefined) return { outcome: 'outdated' as const };
    const id = `msg_${due.id}`;
    const headers = signedHeaders(secrets, id, Math.floor(Date.now() / 1_000), body);
    const answer = await this.client.post(due.url!, headers, body, signal);
    return completeWith(async (tx) => ({ outcome: await this.outcomes.store(tx, due, answer) }));
  }

  private endedAs(due: DueDelivery, error: string) {
    return completeWith(async (tx) => ({
      outcome: await this.outcomes.end(tx, due, 'dead', error),
    }));
  }

  /** @returns undefined when the server's secret is not the one that they were encrypted with */
  private async secretsOf(due: DueDelivery): Promise<string[] | undefined> {
    const { endpointId, secret, previous } = due;
    try {
      if (endpointId === null) return await this.secrets.ofUser(due.userId);
      return await this.secrets.open({ secret: secret!, previous }, endpointId);
    } catch (error) {
      if (error instanceof SecretUnreadable) return undefined;
      throw error;
    }
  }
}

/** Why a delivery is not even tried. */
function whyOver(due: DueDelivery, pausedMs: number): string | undefined {
  if (due.url === null) return 'endpoint_deleted';
  if (due.enabled === false && due.type !== 'ping') return 'endpoint_disabled';
  if (due.type === 'task.progress' && due.ageMs > progressLivesMs) return 'outdated';
  return pausedMs > 0 && due.ageMs > longestMs ? 'receiver_in_trouble' : undefined;
}

/** Spread out, as all that wait for the host come back then. */
function leftAlone(pausedMs: number): Snooze {
  return new Snooze(Math.round(pausedMs + Math.random() * Math.min(pausedMs, 5_000)), {
    code: 'receiver_in_trouble',
    message: 'The receiver is in trouble.',
    patienceMs: 2 * longestMs,
  });
}
