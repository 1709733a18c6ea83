import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { createTransport, type Transporter } from 'nodemailer';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { PermanentTaskError, RetryableTaskError } from '../../tasks/definitions/task-errors.js';

export interface Mail {
  /** The same for each attempt, so that a mail that arrives twice can be recognised. */
  id: string;
  to: string;
  subject: string;
  text: string;
}

/** Time for each step of the conversation with the mail server. Milliseconds. */
const patienceMs = 15_000;

/**
 * Sends mails to a mail server; without one, they become files.
 *
 * Failure window: the server has taken the mail, and its answer is lost. Then the next attempt sends it again, with
 * the same Message-ID.
 */
@Injectable()
export class Mailer implements OnModuleDestroy {
  private transport: Transporter | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'smtpUrl' | 'mailFrom' | 'dataDir'>,
  ) {}

  /**
   * @returns the Message-ID
   * @throws RetryableTaskError when another attempt may succeed, PermanentTaskError when the server refuses the mail
   */
  async send({ id, to, subject, text }: Mail): Promise<string> {
    const messageId = `<${id}@darkroom>`;
    const message = {
      messageId,
      from: this.settings.mailFrom,
      to,
      subject,
      text,
      disableFileAccess: true,
      disableUrlAccess: true,
    };
    if (this.settings.smtpUrl === undefined) await this.writeFile(id, message);
    else await this.deliver(this.settings.smtpUrl, message);
    return messageId;
  }

  onModuleDestroy(): void {
    this.transport?.close();
  }

  private async deliver(url: string, message: object): Promise<void> {
    this.transport ??= createTransport({
      url,
      connectionTimeout: patienceMs,
      greetingTimeout: patienceMs,
      socketTimeout: patienceMs,
    });
    try {
      await this.transport.sendMail(message);
    } catch (error) {
      throw taskErrorOf(error);
    }
  }

  private async writeFile(id: string, message: object): Promise<void> {
    const folder = join(this.settings.dataDir, 'mail');
    const { message: bytes } = (await createTransport({
      streamTransport: true,
      buffer: true,
    }).sendMail(message)) as unknown as { message: Buffer };
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, `${id}.eml`);
    await writeFile(`${file}.new`, bytes, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
}

/** The server's words may repeat the address: they stay out of the message. */
function taskErrorOf(error: unknown): Error {
  const { responseCode } = error as { responseCode?: number };
  const cause = { cause: error };
  if (responseCode !== undefined && responseCode >= 500) {
    return new PermanentTaskError(
      'mail_refused',
      `The mail server refused it: ${responseCode}.`,
      cause,
    );
  }
  const why = responseCode === undefined ? 'cannot be reached' : `answered ${responseCode}`;
  return new RetryableTaskError('mail_server_unavailable', `The mail server ${why}.`, cause);
}
