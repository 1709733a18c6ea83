import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** What the server is at when it answers: `body` is the first piece of a mail, `end` its last line. */
export type SmtpStep = 'greeting' | 'EHLO' | 'STARTTLS' | 'MAIL' | 'RCPT' | 'DATA' | 'body' | 'end';

/** What it does instead of its usual answer. */
export type SmtpAct = (socket: Socket) => void;

export const says =
  (...lines: string[]): SmtpAct =>
  (socket) =>
    void socket.write(lines.map((line) => `${line}\r\n`).join(''));
export const hangs: SmtpAct = () => {};
export const resets: SmtpAct = (socket) => void socket.resetAndDestroy();
export const drops: SmtpAct = (socket) => void socket.destroy();
/** One byte after the other, never a whole line: no silence is long. */
export const drips: SmtpAct = (socket) => {
  const timer = setInterval(() => socket.write('2'), 20);
  socket.once('close', () => clearInterval(timer));
};
/** As fast as it is read, never a whole line. */
export const floods: SmtpAct = (socket) => {
  const more = () => {
    while (!socket.destroyed && socket.write('2'.repeat(65_536)));
  };
  socket.on('drain', more);
  more();
};

/** A mail server that does as it is told. Without orders it takes every mail. */
export interface ScriptedSmtp {
  url: string;
  /** The whole of each mail that was accepted, whether the client heard of it or not. */
  mails: string[];
  /** What clients have sent, without the mails themselves. */
  heard: string[];
  /** Connections that were made, and the most at a time. */
  connections: { made: number; most: number };
  /** What it does at this step, once for each of `acts`. */
  next(step: SmtpStep, ...acts: SmtpAct[]): void;
  /** Orders that were not needed. */
  forget(): void;
  /** Closes all connections. */
  hangUp(): void;
  close(): Promise<void>;
}

const usual: Record<SmtpStep, SmtpAct> = {
  greeting: says('220 scripted'),
  EHLO: says('250-scripted', '250 8BITMIME'),
  STARTTLS: says('454 not now'),
  MAIL: says('250 ok'),
  RCPT: says('250 ok'),
  DATA: says('354 go on'),
  body: hangs,
  end: says('250 2.0.0 taken'),
};

export async function startScriptedSmtp(): Promise<ScriptedSmtp> {
  const orders = new Map<SmtpStep, SmtpAct[]>();
  const sockets = new Set<Socket>();
  const connections = { made: 0, most: 0 };
  const [mails, heard]: string[][] = [[], []];
  const act = (step: SmtpStep, socket: Socket) =>
    (orders.get(step)?.shift() ?? usual[step])(socket);

  const server = createServer((socket) => {
    sockets.add(socket);
    connections.made += 1;
    connections.most = Math.max(connections.most, sockets.size);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let left = '';
    let mail: string | undefined;
    const take = (line: string) => {
      if (mail !== undefined) {
        if (mail === '') act('body', socket);
        if (line !== '.') mail += `${line}\n`;
        else {
          mails!.push(mail);
          mail = undefined;
          act('end', socket);
        }
        return;
      }
      heard!.push(line);
      const verb = line.split(' ')[0]!.toUpperCase();
      if (verb === 'QUIT') socket.end('221 bye\r\n');
      else if (verb === 'RSET') says('250 ok')(socket);
      else {
        if (verb === 'DATA') mail = '';
        act(verb as SmtpStep, socket);
      }
    };
    socket.on('data', (chunk) => {
      const lines = (left + String(chunk)).split('\r\n');
      left = lines.pop()!;
      for (const line of lines) if (!socket.destroyed) take(line);
    });
    act('greeting', socket);
  });
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mails: mails!,
    heard: heard!,
    connections,
    next: (step, ...acts) => void orders.set(step, [...(orders.get(step) ?? []), ...acts]),
    forget: () => orders.clear(),
    hangUp,
    close: async () => {
      hangUp();
      server.close();
      await once(server, 'close');
    },
  };
}
