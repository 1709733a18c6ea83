import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { EmailLinks } from './email-links.js';
import { sendEmailTask } from './email.tasks.js';
import { mailTexts } from './mail-texts.js';
import { Mailer } from './mailer.js';

@Injectable()
export class EmailProcessor {
  constructor(
    private readonly mailer: Mailer,
    private readonly links: EmailLinks,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'publicOrigin' | 'port'>,
  ) {}

  @HandlesTask(sendEmailTask)
  async send(mail: Payload<typeof sendEmailTask>, { taskId }: TaskContext) {
    const { subject, body } = mailTexts[mail.template];
    const messageId = await this.mailer.send({
      id: taskId,
      to: mail.email_to,
      subject,
      text: body(await this.linkOf(mail)),
    });
    return { status: 'sent' as const, message_id: messageId };
  }

  /** The token is behind the #, which browsers send to no server. */
  private async linkOf({ template, link_id: id }: Payload<typeof sendEmailTask>): Promise<string> {
    if (id === undefined || (template !== 'verify' && template !== 'reset')) return '';
    const origin = this.settings.publicOrigin ?? `http://localhost:${this.settings.port}`;
    return `${origin}/account#${template}=${await this.links.tokenOf(template, id)}`;
  }
}
