import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { MailOutbox } from '../../src/features/email/mail-outbox.js';
import { inTransaction } from '../../src/infrastructure/database/transaction.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import {
  says,
  startScriptedSmtp,
  type ScriptedSmtp,
  type SmtpStep,
} from '../support/scripted-smtp.js';
import { hasRedis } from '../support/stores.js';
import { startWorkerOf } from '../support/worker-of.js';

/** What the mail server is at when the worker dies: before it answers, or just after. */
const moments: [step: SmtpStep, answers: boolean][] = [
  ['greeting', false],
  ['RCPT', false],
  ['body', false],
  ['end', false],
  ['end', true],
];

onBothQueueEngines('kill -9 of a worker that talks to a mail server', (engine) => {
  let darkroom: TestDarkroom;
  let server: ScriptedSmtp;
  beforeAll(async () => {
    server = await startScriptedSmtp();
    darkroom = await startDarkroom(engine, { workers: false, settings: { smtpUrl: server.url } });
  });
  afterAll(async () => {
    await darkroom.close();
    await server.close();
  });

  // Each moment on one of the engines.
  const turn = engine === 'redis' ? 1 : 0;
  for (const [step, answers] of moments.filter((_, n) => !hasRedis || n % 2 === turn)) {
    it(`loses no mail: at ${step}, ${answers ? 'after' : 'before'} the answer`, async () => {
      const address = `${step}-${answers}@example.com`.toLowerCase();
      const key = uuidv7();
      const id = (await inTransaction(darkroom.database, (tx) =>
        darkroom.app
          .get(MailOutbox, { strict: false })
          .add(tx, { template: 'account_deleted', address, key, values: {} }),
      ))!;
      const env = { SMTP_URL: server.url };
      const doomed = startWorkerOf(darkroom, 'src/worker.js', env);
      server.next(step, (socket) => {
        if (answers) says('250 taken')(socket);
        doomed.kill('SIGKILL');
      });
      expect(await doomed.ended()).toBe('SIGKILL');
      startWorkerOf(darkroom, 'src/worker.js', env);
      await eventually('the mail is sent', async () => {
        const [row] = await darkroom.database.query(
          `SELECT m.state AS mail, t.state AS task FROM mails m JOIN tasks t USING (id) WHERE id = $1`,
          [id],
        );
        return row.mail === 'sent' && row.task === 'SUCCESS';
      });
      // I7: at least one mail, with one Message-ID.
      const mails = server.mails.filter((mail) => mail.includes(`To: ${address}`));
      expect(mails.length).toBeGreaterThan(0);
      const ids = mails.map((mail) => /^message-id: (.+)$/im.exec(mail)![1]);
      expect(new Set(ids)).toEqual(new Set([`<${id}@darkroom>`]));
    });
  }
});
