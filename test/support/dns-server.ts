import { createSocket } from 'node:dgram';
import { atTestEnd } from './at-test-end.js';

/**
 * A DNS server on loopback that gives every question about an IPv4 address the next of these answers; the last one
 * stays.
 */
export async function startDns(
  answers: string[][],
): Promise<{ address: string; asked: () => number }> {
  const socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', (question, from) => {
    const end = question.indexOf(0, 12) + 5;
    const isIpv4 = question.readUInt16BE(end - 4) === 1;
    const addresses = isIpv4 ? answers[Math.min(asked++, answers.length - 1)]! : [];
    const head = Buffer.from(question.subarray(0, 12));
    // An answer, without an error; of one question, so many answers, and nothing else.
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(addresses.length, 6);
    head.writeUInt32BE(0, 8);
    const records = addresses.map((address) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
    );
    socket.send(Buffer.concat([head, question.subarray(12, end), ...records]), from.port);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  atTestEnd(() => socket.close());
  return { address: `127.0.0.1:${socket.address().port}`, asked: () => asked };
}
