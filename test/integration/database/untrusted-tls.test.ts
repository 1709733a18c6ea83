import { once } from 'node:events';
import { connect as connectPlain, createServer, type AddressInfo, type Server } from 'node:net';
import { connect, createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Mailer } from '../../../src/features/email/mailer.js';
import { S3ObjectStorage } from '../../../src/features/storage/s3-object-storage.js';
import { dataSourceOptions } from '../../../src/infrastructure/database/data-source.js';
import { SteadyClient } from '../../../src/infrastructure/database/steady-client.js';
import { createQueueEngine } from '../../../src/infrastructure/queue/create-queue-engine.js';
import { hasOpenssl, selfSigned } from '../../support/certificate.js';
import { eventually } from '../../support/eventually.js';

/** What Postgres says before a connection is encrypted. */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

(hasOpenssl() ? describe : describe.skip)('a server with a certificate of its own', () => {
  let servers: Server[];
  let port: number;
  let certificate: ReturnType<typeof selfSigned>;
  /** What clients said after the handshake. */
  let heard: string;
  let handshakes: number;
  beforeAll(async () => {
    certificate = selfSigned();
    const encrypted = createTlsServer(certificate, (socket) => {
      socket.on('error', () => {}).on('data', (chunk) => (heard += String(chunk)));
    });
    const inside = await portOf(encrypted);
    // Postgres agrees on TLS first; the others begin with it.
    const front = createServer((near) => {
      near
        .on('error', () => {})
        .once('data', (first) => {
          handshakes += 1;
          const far = connectPlain(inside, '127.0.0.1');
          far.on('error', () => {});
          if (first.equals(sslRequest)) near.write('S');
          else far.write(first);
          near.pipe(far).pipe(near);
        });
    });
    port = await portOf(front);
    servers = [front, encrypted];
  });
  afterAll(() => {
    for (const server of servers) server.close();
  });

  async function portOf(server: Server): Promise<number> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** @returns the error of `ask`, for which nothing but the handshake was sent */
  async function refusal(ask: () => Promise<unknown>): Promise<string> {
    [heard, handshakes] = ['', 0];
    const error = await ask().then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(handshakes).toBeGreaterThan(0);
    expect(heard).toBe('');
    return String(error) + String(error?.cause);
  }

  it('is heard by a client that trusts it', async () => {
    heard = '';
    const socket = connect({ port, host: '127.0.0.1', ca: certificate.cert });
    socket.write('hello');
    await eventually('it is heard', () => heard === 'hello');
    socket.destroy();
  });

  for (const mode of ['sslmode=require', 'sslmode=verify-ca', 'sslmode=verify-full', 'ssl=true']) {
    it(`is no Postgres for the database or the queue: ${mode} (security 43)`, async () => {
      const url = `postgres://darkroom:secret@127.0.0.1:${port}/darkroom?${mode}`;
      const database = new DataSource(dataSourceOptions({ url, poolSize: 1 }));
      expect(await refusal(() => database.initialize())).toMatch(/self-signed certificate/);
      const client = new SteadyClient({ connectionString: url });
      expect(await refusal(() => client.connect())).toMatch(/self-signed certificate/);
      const queue = createQueueEngine(url);
      expect(await refusal(() => queue.ping())).toMatch(/self-signed certificate/);
      await queue.close();
    });
  }

  it('is no Redis: rediss (security 43)', async () => {
    const queue = createQueueEngine(`rediss://darkroom:secret@127.0.0.1:${port}/0`);
    expect(await refusal(() => queue.ping())).not.toBe('');
    await queue.close();
  });

  it('is no mail server: smtps (security 43)', async () => {
    const mailer = new Mailer({
      smtpUrl: `smtps://darkroom:secret@127.0.0.1:${port}`,
      mailFrom: 'darkroom@example.com',
      dataDir: '',
      isChild: false,
    });
    const mail = { messageId: '<1@x.example>', to: 'ann@example.com', subject: 'x', text: 'x' };
    expect(await refusal(() => mailer.send(mail))).toMatch(/self-signed certificate/);
    mailer.onModuleDestroy();
  });

  it('is no S3 storage: https (security 43)', async () => {
    const storage = new S3ObjectStorage({
      bucket: 'pictures',
      endpoint: `https://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'darkroom', secretAccessKey: 'secret' },
      forcePathStyle: true,
      publicBaseUrl: undefined,
    });
    const put = () => storage.put('images/a/0.png', Buffer.from('a picture'), 'image/png');
    expect(await refusal(put)).toMatch(/self-signed certificate/);
    storage.onApplicationShutdown();
  });
});
