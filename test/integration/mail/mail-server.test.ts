import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Mailer, MailNotSentError, type Mail } from '../../../src/features/email/mailer.js';
import { about } from '../../support/about.js';
import { atTestEnd } from '../../support/at-test-end.js';
import { hasOpenssl, selfSigned } from '../../support/certificate.js';
import { eventually } from '../../support/eventually.js';
import { openMailbox } from '../../support/mailbox.js';
import {
  drips,
  drops,
  floods,
  hangs,
  resets,
  says,
  startScriptedSmtp,
  type ScriptedSmtp,
  type SmtpAct,
  type SmtpStep,
} from '../../support/scripted-smtp.js';
import { SMTPServer } from 'smtp-server';

const mail = (n = 1): Mail => ({
  messageId: `<${n}@darkroom.example>`,
  to: `ann-${n}@example.com`,
  subject: 'Hello',
  text: 'x\n'.repeat(20),
});

const mailers: Mailer[] = [];
// First of all: a server waits for its clients.
beforeEach(() => {
  atTestEnd(() => {
    for (const mailer of mailers.splice(0)) mailer.onModuleDestroy();
  });
});

function mailerFor(smtpUrl: string, patience: Partial<Mailer['patience']> = {}): Mailer {
  const mailer = new Mailer({ smtpUrl, mailFrom: 'd@example.com', dataDir: '', isChild: false });
  Object.assign(mailer.patience, patience);
  mailers.push(mailer);
  return mailer;
}

const troubleOf = async (sending: Promise<unknown>) => {
  const error = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MailNotSentError);
  return (error as MailNotSentError).trouble;
};
const passes = (code?: number) => ({ isPermanent: false, isBadAddress: false, code });

describe('a mail server', () => {
  let server: ScriptedSmtp;
  beforeEach(async () => {
    server = await startScriptedSmtp();
  });
  afterEach(() => server.close());

  it('that is well gets each mail once, over few connections', async () => {
    const mailer = mailerFor(server.url);
    const many = Array.from({ length: 40 }, (_, n) => mailer.send(mail(n)));
    expect(new Set(await Promise.all(many))).toEqual(new Set([250]));
    const ids = server.mails.map((one) => /^message-id: (.+)$/im.exec(one)![1]);
    expect(new Set(ids).size).toBe(40);
    expect(server.mails.length).toBe(40);
    expect(server.connections.most).toBeLessThanOrEqual(5);
    expect(server.connections.made).toBeLessThanOrEqual(5);
  });

  it('that answers 4xx is tried again later, whatever it was at', async () => {
    const steps: [SmtpStep, number][] = [
      ['greeting', 421],
      ['MAIL', 451],
      ['RCPT', 450],
      ['DATA', 451],
      ['end', 452],
      ['end', 421],
    ];
    for (const [step, code] of steps) {
      const mailer = mailerFor(server.url);
      server.next(step, says(`${code} not now`));
      const trouble = await troubleOf(mailer.send(mail()));
      about(`${step} ${code}`, () => expect(trouble).toEqual(passes(code)));
      expect(await mailer.send(mail())).toBe(250);
    }
  });

  it('that refuses the mail is asked no more, and one that refuses the address says so', async () => {
    const mailer = mailerFor(server.url);
    server.next('RCPT', says('550-5.1.1 nobody of this name', '550 5.1.1 lives here'));
    const refused = { isPermanent: true, code: 550 };
    expect(await troubleOf(mailer.send(mail()))).toEqual({ ...refused, isBadAddress: true });
    server.next('end', says('554 5.6.0 no'));
    const trouble = await troubleOf(mailer.send(mail()));
    expect(trouble).toEqual({ isPermanent: true, isBadAddress: false, code: 554 });
  });

  it('that says nothing, or never comes to an end, holds nobody up: at no step', async () => {
    const steps: SmtpStep[] = ['greeting', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'end'];
    const patience = { greetingMs: 200, silenceMs: 200 };
    for (const step of steps) {
      server.next(step, hangs);
      const trouble = await troubleOf(mailerFor(server.url, patience).send(mail()));
      about(`hangs at ${step}`, () => expect(trouble).toEqual(passes()));
    }
    for (const step of steps) {
      server.next(step, drips);
      const trouble = await troubleOf(mailerFor(server.url, { wholeMs: 300 }).send(mail()));
      about(`drips at ${step}`, () => expect(trouble).toEqual(passes()));
    }
  });

  it('that breaks off, or talks without end, is tried again later', async () => {
    const acts: Record<string, SmtpAct> = { resets, drops, floods };
    const steps: SmtpStep[] = ['greeting', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'body', 'end'];
    for (const [what, act] of Object.entries(acts)) {
      for (const step of steps) {
        server.next(step, act, act, act);
        const mailer = mailerFor(server.url);
        const trouble = await troubleOf(mailer.send(mail()));
        about(`${what} at ${step}`, () => expect(trouble).toEqual(passes()));
        server.forget();
      }
    }
  });

  it('that says nonsense is tried again later, and is never believed', async () => {
    const nonsense = ['hello', '', '999 what', '\u0000\u0001\u0002', '2'.repeat(1_000)];
    for (const line of nonsense) {
      server.next('end', says(line));
      const sending = mailerFor(server.url, { silenceMs: 300 }).send(mail());
      const answer = await sending.catch((error: unknown) => error);
      // A line that begins with a 2 is an acceptance for every client.
      if (line.startsWith('2')) expect(answer).not.toBeInstanceOf(Error);
      else expect((answer as MailNotSentError).trouble?.isPermanent).toBe(false);
    }
  });

  it('that never answers does not keep a task from being stopped', async () => {
    server.next('EHLO', hangs);
    const stop = new AbortController();
    const sending = mailerFor(server.url).send(mail(), stop.signal);
    await eventually('it has begun', () => server.heard.length > 0);
    stop.abort(new Error('the worker stops'));
    await expect(sending).rejects.toThrow('the worker stops');
    expect(server.mails).toEqual([]);
  });

  it('that has closed an idle connection gets the next mail over another one', async () => {
    const mailer = mailerFor(server.url);
    await mailer.send(mail(1));
    server.hangUp();
    expect(await mailer.send(mail(2))).toBe(250);
    expect(server.connections.made).toBe(2);
  });

  it('without TLS gets no password (security 43)', async () => {
    const url = server.url.replace('//', '//user:secret@');
    server.next('EHLO', says('250-scripted', '250 AUTH PLAIN LOGIN'));
    expect(await troubleOf(mailerFor(url).send(mail()))).toEqual(passes(454));
    expect(server.heard.join()).not.toMatch(/AUTH|MAIL/);
  });
});

(hasOpenssl() ? it : it.skip)(
  'a mail server that nobody vouches for is told nothing after STARTTLS (security 43)',
  async () => {
    const heard: string[] = [];
    const server = new SMTPServer({
      ...selfSigned(),
      authOptional: true,
      onAuth: (_auth, _session, done) => (heard.push('AUTH'), done(null, { user: 'x' })),
      onMailFrom: (_address, _session, done) => (heard.push('MAIL'), done()),
    });
    server.on('error', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    atTestEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const { port } = server.server.address() as { port: number };
    for (const user of ['', 'user:secret@']) {
      const sending = mailerFor(`smtp://${user}127.0.0.1:${port}`).send(mail());
      const error = await sending.catch((reason: unknown) => reason as MailNotSentError);
      expect(String((error as MailNotSentError).cause)).toMatch(/self-signed certificate/);
    }
    expect(heard).toEqual([]);
  },
);

it('a mail in any script arrives as it was written', async () => {
  const mailbox = await openMailbox();
  atTestEnd(() => mailbox.close());
  const subject =
    'Привет, ñandú 🌅 “quoted”, and so long that it takes more than one line of a header';
  const text = 'Изображение\n.\nготово 🌅\n';
  const html = '<p>Изображение готово 🌅</p>';
  await mailerFor(mailbox.url).send({ ...mail(), to: 'ann@Пример.рф', subject, text, html });
  const [got] = mailbox.mails;
  // This server shows the domain as people write it.
  expect(got!.recipients).toEqual(['ann@пример.рф']);
  expect(got!.subject).toBe(subject);
  expect(got!.text!.replaceAll('\r', '')).toBe(text);
  expect(got!.html).toContain(html);
});
