import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { completeWith, type TaskContext } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { PermanentTaskError, RetryableTaskError } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { giveUpDays, sendEmailTask } from './email.tasks.js';
import { KeptMails, type KeptMail } from './kept-mails.js';
import { MailWriter, type WrittenMail } from './mail-writer.js';
import { Mailer, MailNotSentError } from './mailer.js';
import { messageIdOf } from './message-id.js';

@Injectable()
export class EmailProcessor {
  constructor(
    private readonly mails: KeptMails,
    private readonly writer: MailWriter,
    private readonly mailer: Mailer,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'mailFrom'>,
  ) {}

  @HandlesTask(sendEmailTask)
  async send(payload: Payload<typeof sendEmailTask>, { taskId, signal }: TaskContext) {
    if ('mail_id' in payload) return this.sendKept(payload.mail_id, signal);
    const { email_to: email, subject, body: text } = payload;
    const messageId = messageIdOf(taskId, this.settings.mailFrom);
    try {
      await this.mailer.send({ messageId, to: email, subject, text }, signal);
    } catch (error) {
      throw taskErrorOf(error);
    }
    return { status: 'success' as const, email };
  }

  private async sendKept(mail_id: string, signal: AbortSignal) {
    const mail = await this.mails.find(mail_id);
    if (mail?.state === 'failed') throw refused();
    if (mail?.state === 'sent') return { status: 'success' as const, mail_id };
    const written = await this.written(mail);
    if (mail === undefined || written === undefined) return this.suppressed(mail_id);
    await this.mails.countAttempt(mail_id);
    const response = await this.deliver(mail, written, signal);
    return completeWith(async (tx) => {
      await this.mails.markSent(tx, mail, response);
      return { status: 'success' as const, mail_id };
    });
  }

  /** @returns undefined when nobody wants it any more */
  private async written(mail: KeptMail | undefined): Promise<WrittenMail | undefined> {
    if (mail?.state !== 'queued' || mail.address === null || mail.isUnwanted) return undefined;
    return this.writer.write(mail);
  }

  private suppressed(mail_id: string) {
    return completeWith(async (tx) => {
      await this.mails.markSuppressed(tx, mail_id);
      return { status: 'suppressed' as const, mail_id };
    });
  }

  private async deliver(mail: KeptMail, written: WrittenMail, signal: AbortSignal) {
    const { messageId, createdAt: date } = mail;
    try {
      return await this.mailer.send({ messageId, to: mail.address!, date, ...written }, signal);
    } catch (error) {
      if (error instanceof MailNotSentError) await this.note(mail, error);
      // It has no address that a mail could be sent to.
      if (error instanceof PermanentTaskError) await this.mails.markFailed(mail.id, undefined);
      throw taskErrorOf(error, mail.isOld);
    }
  }

  private async note(mail: KeptMail, { trouble }: MailNotSentError): Promise<void> {
    const { code, isPermanent, isBadAddress } = trouble;
    if (isBadAddress) await this.mails.flagAddress(mail);
    if (isPermanent || mail.isOld) await this.mails.markFailed(mail.id, code);
    else await this.mails.noteResponse(mail.id, code);
  }
}

function taskErrorOf(error: unknown, isOld = false): unknown {
  if (!(error instanceof MailNotSentError)) return error;
  const { message, trouble } = error;
  if (trouble.isPermanent) return refused(error);
  if (!isOld) return new RetryableTaskError('mail_server_unavailable', message, { cause: error });
  const tried = `It was tried for ${giveUpDays} days. ${message}`;
  return new PermanentTaskError('mail_server_unavailable', tried, { cause: error });
}

function refused(cause?: MailNotSentError): PermanentTaskError {
  const said = cause?.message ?? 'The mail could not be sent.';
  return new PermanentTaskError('mail_refused', said, { cause });
}
