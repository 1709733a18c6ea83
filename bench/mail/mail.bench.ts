import { createTransport } from 'nodemailer';
import { v7 as uuidv7 } from 'uuid';
import { MailOutbox } from '../../src/features/email/mail-outbox.js';
import { sampleMail } from '../../src/features/email/mail-samples.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Client } from '../lab/client.js';
import { sampled } from '../lab/sampled.js';
import { settingsIn } from '../lab/settings.js';
import { perSecond } from '../support/figures.js';
import { Samples } from '../support/samples.js';
import { settled, type Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';
import { watchUsage } from '../support/usage.js';

/** Mails from the outbox to a mail server, beside the same mails through nodemailer alone. */
const rounds = sized(3, 1);
const count = sized(300, 10);
const concurrency = '25';
/** As the mailer's. */
const connections = 5;

async function alone(url: string): Promise<number> {
  const transport = createTransport({ url, pool: true, maxConnections: connections });
  const mail = { ...sampleMail('picture_ready', 'en'), from: 'd@example.com', to: 'a@example.com' };
  const start = performance.now();
  await Promise.all(Array.from({ length: count }, () => transport.sendMail(mail)));
  const rate = perSecond(count, performance.now() - start);
  transport.close();
  return rate;
}

/** One worker process sends mails that wait, all of one user. @returns mails a second */
async function outbox(site: Site, { tasks, database }: Client, userId: string): Promise<number> {
  const mails = new MailOutbox(tasks, settingsIn(site.env));
  const start = performance.now();
  await database.transaction(async (tx) => {
    for (let n = 0; n < count; n++) {
      const values = { image_id: uuidv7(), prompt: 'a lighthouse at dusk' };
      await mails.add(tx, { template: 'picture_ready', userId, key: uuidv7(), values });
    }
  });
  await settled(site);
  return perSecond(count, performance.now() - start);
}

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    const server = await site.start('bench/mail/server.js', 'smtp://');
    const [url] = /smtp:\S+/.exec(server.output())!;
    const userId = uuidv7();
    const sql = `INSERT INTO users (id, name, role, email) VALUES ($1, $2, 'user', 'ann@example.com')`;
    await site.database.query(sql, [userId, userId]);
    const env = { SMTP_URL: url, WORKER_CONCURRENCY: concurrency };
    const worker = await site.start('src/worker.js', 'Serving', env);
    await outbox(site, client, userId);
    for (let round = 0; round < rounds; round++) {
      const bare = await alone(url);
      const usage = watchUsage(worker.child.pid!);
      const rate = await outbox(site, client, userId);
      const { cpuMs } = usage();
      samples.note({ rate, bare, ratio: rate / bare, cpu: cpuMs / count });
    }
    const [{ sent }] = await site.database.query(
      `SELECT count(*)::int AS sent FROM mails WHERE state = 'sent'`,
    );
    if (sent !== count * (rounds + 1)) throw new Error(`only ${sent} mails were sent`);
  });

const [postgres, redis] = [await measure('postgres'), await measure('redis')];
const row = Samples.rows(postgres, redis);
printTable({
  title: 'mail: from the outbox to a mail server on this machine',
  rows: [
    row(`sent by one worker, ${concurrency} at once`, 'rate', '/s'),
    row('the same mails through nodemailer alone', 'bare', '/s'),
    row('outbox : nodemailer alone', 'ratio', '×'),
    row('CPU of the worker for each', 'cpu', 'ms'),
  ],
  limit:
    'A mail is a task: two rows, a claim, an attempt counted, and an end in a transaction with the mail. ' +
    'A real server takes tens of milliseconds for each mail, and is the limit then.',
});
