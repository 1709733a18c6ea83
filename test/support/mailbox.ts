import { buffer } from 'node:stream/consumers';
import PostalMime, { type Email } from 'postal-mime';
import type { Readable } from 'node:stream';
import { callbackify } from 'node:util';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { freePort } from '../../src/infrastructure/embedded/free-port.js';
import { eventually } from './eventually.js';

export interface TestMail extends Email {
  /** The addresses of the envelope. */
  recipients: string[];
}

/** A real mail server that keeps what it gets. */
export interface Mailbox {
  url: string;
  mails: TestMail[];
  /** What it answers to the next mails instead of taking them. */
  refusals: { code: number; text: string }[];
  /** The first mail to this address whose subject has this text. */
  mailTo(address: string, subject: string): Promise<TestMail>;
  close(): Promise<void>;
}

export async function openMailbox(): Promise<Mailbox> {
  const mails: TestMail[] = [];
  const refusals: Mailbox['refusals'] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    onData: (stream, session, done) => callbackify(take)(stream, session, (error) => done(error)),
  });
  const take = async (stream: Readable, session: SMTPServerSession) => {
    const mail = await PostalMime.parse(await buffer(stream));
    const refusal = refusals.shift();
    if (refusal) throw Object.assign(new Error(refusal.text), { responseCode: refusal.code });
    const recipients = session.envelope.rcptTo.map(({ address }) => address);
    mails.push({ ...mail, recipients });
  };
  const port = await freePort(undefined);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    refusals,
    mailTo: (address, subject) =>
      eventually(`a mail to ${address} about "${subject}" arrives`, async () =>
        mails.find((mail) => mail.recipients.includes(address) && mail.subject?.includes(subject)),
      ),
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** The token of the link in a mail. */
export function tokenIn(text: string | undefined): string {
  const [, token] = /#\w+=(\S+)/.exec(text ?? '') ?? [];
  if (token === undefined) throw new Error(`There is no link in: ${text}`);
  return token;
}
