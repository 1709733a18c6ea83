import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { completeWith } from '../../tasks/definitions/task-context.js';
import { PermanentTaskError } from '../../tasks/definitions/task-errors.js';
import { EmailLinks } from '../email/email-links.js';
import { MailOutbox } from '../email/mail-outbox.js';
import { PipelineNode, RouterNode, type NodeContext } from '../pipelines/pipeline-node.js';
import { WebhookEvents } from '../webhooks/webhook-events.js';
import { lifecycle, type Lifecycle, type LifecycleKind } from './user-lifecycle.event.js';

const input = z.strictObject({ happened: lifecycle });
const nothing = z.strictObject({});
type Input = z.output<typeof input>;

@Injectable()
export class KindRouter extends RouterNode<typeof input, LifecycleKind> {
  readonly input = input;
  readonly routes: readonly LifecycleKind[] = ['registered', 'verified', 'credits_low'];

  async route({ happened }: Input): Promise<LifecycleKind> {
    return happened.kind;
  }
}

/** The mail that confirms an address. Who has registered is no user yet. */
@Injectable()
export class ConfirmationMailNode extends PipelineNode<typeof input, typeof nothing> {
  readonly input = input;
  readonly output = nothing;

  constructor(
    private readonly links: EmailLinks,
    private readonly mails: MailOutbox,
  ) {
    super();
  }

  async run({ happened }: Input) {
    const { link_id, mail_id: id } = only('registered', happened);
    return completeWith(async (tx) => {
      const to = await this.links.recipient(tx, link_id);
      // It was used or has expired: there is nothing to confirm any more.
      if (!to) return {};
      await this.mails.add(tx, { id, key: id, template: 'verify', ...to, values: { link_id } });
      return {};
    });
  }
}

@Injectable()
export class WelcomeMailNode extends PipelineNode<typeof nothing, typeof nothing> {
  readonly input = nothing;
  readonly output = nothing;

  constructor(private readonly mails: MailOutbox) {
    super();
  }

  async run(_: unknown, { event }: NodeContext) {
    const userId = event.ownerId!;
    return completeWith(async (tx) => {
      await this.mails.add(tx, { template: 'welcome', userId, key: userId, values: {} });
      return {};
    });
  }
}

@Injectable()
export class CreditsLowMailNode extends PipelineNode<typeof input, typeof nothing> {
  readonly input = input;
  readonly output = nothing;

  constructor(private readonly mails: MailOutbox) {
    super();
  }

  async run({ happened }: Input, { event }: NodeContext) {
    const { balance, entry } = only('credits_low', happened);
    const userId = event.ownerId!;
    const key = creditsLowKey(userId, entry);
    return completeWith(async (tx) => {
      await this.mails.add(tx, { template: 'credits_low', userId, key, values: { balance } });
      return {};
    });
  }
}

@Injectable()
export class CreditsLowWebhookNode extends PipelineNode<typeof input, typeof nothing> {
  readonly input = input;
  readonly output = nothing;

  constructor(private readonly webhooks: WebhookEvents) {
    super();
  }

  async run({ happened }: Input, { event }: NodeContext) {
    const { balance, entry } = only('credits_low', happened);
    const userId = event.ownerId!;
    const key = creditsLowKey(userId, entry);
    return completeWith(async (tx) => {
      await this.webhooks.announce(tx, { type: 'credits.low', userId, key, data: { balance } });
      return {};
    });
  }
}

function creditsLowKey(userId: string, entry: string): string {
  return `credits:${userId}:${entry}`;
}

/** The router has seen to it. @throws PermanentTaskError */
function only<K extends LifecycleKind>(kind: K, happened: Lifecycle): Lifecycle & { kind: K } {
  if (happened.kind === kind) return happened as Lifecycle & { kind: K };
  throw new PermanentTaskError('wrong_kind', `This is not for events of the kind ${kind}.`);
}
