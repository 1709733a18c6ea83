import {
  Inject,
  Injectable,
  Logger,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { createTransport, type Transporter } from 'nodemailer';
import { deadline } from '../../common/deadline.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { PermanentTaskError } from '../../tasks/definitions/task-errors.js';
import { emailAddress } from './email-address.js';
import { folderOfMails, writeMailFile } from './mail-folder.js';
import { smtpTroubleOf, type SmtpTrouble } from './smtp-trouble.js';

export interface Mail {
  /** With the brackets. The same for each attempt, so that a mail that arrives twice can be recognised. */
  messageId: string;
  to: string;
  subject: string;
  text: string;
  html?: string;
  /** Since when it is to be sent. */
  date?: Date;
  /** The address at which one click ends mails of this kind. */
  unsubscribeUrl?: string;
}

/** The mail was not taken; `trouble` says what that means. Its message has none of the server's words: they may repeat the address. */
export class MailNotSentError extends Error {
  override readonly name = 'MailNotSentError';

  constructor(
    readonly trouble: SmtpTrouble,
    cause: unknown,
  ) {
    const { code } = trouble;
    super(
      code === undefined ? 'The mail server gave no answer.' : `The mail server said ${code}.`,
      {
        cause,
      },
    );
  }
}

/** Connections of a process to the mail server. More mails at a time wait for one. */
const mostConnections = 5;
/** What a server may say in one answer. Bytes. */
const longestAnswer = 64 * 1024;

/**
 * Sends mails to a mail server; without one, they become files.
 *
 * Failure window: the server has taken the mail, and its answer is lost. Remedy: the next attempt sends it again, with
 * the same Message-ID.
 */
@Injectable()
export class Mailer implements OnModuleInit, OnModuleDestroy {
  private transport: Transporter | undefined;
  /** Milliseconds. `silenceMs` is for each step of the conversation; `wholeMs` also ends one that drips. */
  patience = { connectMs: 10_000, greetingMs: 15_000, silenceMs: 60_000, wholeMs: 150_000 };

  constructor(
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'smtpUrl' | 'mailFrom' | 'dataDir' | 'isChild'>,
  ) {}

  onModuleInit(): void {
    if (this.settings.smtpUrl !== undefined || this.settings.isChild) return;
    const folder = folderOfMails(this.settings.dataDir);
    new Logger('Mail').log(`There is no SMTP_URL: mails become files in ${folder}.`);
  }

  /**
   * @returns the code of the server's answer; undefined when the mail became a file
   * @throws MailNotSentError, or PermanentTaskError when `to` is no address
   */
  async send(mail: Mail, signal?: AbortSignal): Promise<number | undefined> {
    const message = messageOf(mail, this.settings.mailFrom);
    const { smtpUrl, dataDir } = this.settings;
    if (smtpUrl !== undefined) return this.deliver(smtpUrl, message, signal);
    await writeMailFile(dataDir, mail.messageId, message);
    return undefined;
  }

  /** The tasks have ended or were told to stop: nobody waits for an answer any more. */
  onModuleDestroy(): void {
    this.transport?.close({ force: true });
  }

  private async deliver(url: string, message: object, signal?: AbortSignal) {
    const transport = (this.transport ??= createTransport(this.options(url)) as Transporter);
    const end = deadline(this.patience.wholeMs, signal);
    try {
      const { response } = (await transport.sendMail({ ...message, signal: end.signal })) as {
        response?: string;
      };
      return Number(response?.slice(0, 3)) || undefined;
    } catch (error) {
      // Whoever stops the task decides what becomes of it.
      signal?.throwIfAborted();
      throw new MailNotSentError(smtpTroubleOf(error), error);
    } finally {
      end.clear();
    }
  }

  /** What the URL's query says (`?requireTLS=false`) comes before these. */
  private options(url: string) {
    const { connectMs, greetingMs, silenceMs } = this.patience;
    return {
      url,
      pool: true,
      maxConnections: mostConnections,
      // The task is tried again; this is for a connection that the server has closed while it was idle.
      maxRequeues: 2,
      maxResponseSize: longestAnswer,
      connectionTimeout: connectMs,
      greetingTimeout: greetingMs,
      socketTimeout: silenceMs,
      // Otherwise whoever stands between could keep STARTTLS from us, and read the password.
      requireTLS: new URL(url).username !== '',
    };
  }
}

function messageOf({ to, date, unsubscribeUrl, ...mail }: Mail, from: string) {
  const address = emailAddress.safeParse(to);
  if (!address.success) throw new PermanentTaskError('invalid_address', 'This is no address.');
  return {
    ...mail,
    from,
    to: { name: '', address: address.data },
    ...(date && { date }),
    headers: {
      'Auto-Submitted': 'auto-generated',
      ...(unsubscribeUrl !== undefined && {
        'List-Unsubscribe': { prepared: true, value: `<${unsubscribeUrl}>` },
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      }),
    },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}
