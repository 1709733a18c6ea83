import { once } from 'node:events';
import { InvalidArgumentError, type Command } from 'commander';
import { command, group, say, streams, type Print } from '../command.js';
import { CliError, exitCodes } from '../exit.js';
import { printable } from '../output.js';
import { integerValue } from '../values.js';
import type { HookMessage } from '../webhook-listener.js';

interface Options {
  port: number;
  host: string;
  secret?: string;
  limit?: number;
}

/** A receiver to try webhooks with. */
export function webhooksCommands(program: Command): void {
  const webhooks = group(program, 'webhooks', 'Receive webhooks, to try them.');
  command(webhooks, 'listen', {
    description: 'Receive webhooks and print their events, until Ctrl-C.',
    examples: [
      ['webhooks listen --secret whsec_…', 'and check who has signed them'],
      ['webhooks listen --port 8080 --limit 1 --json', 'wait for one, for a program'],
    ],
    notes: `Answers 204, and 401 to what the secret has not signed. Webhooks reach this machine
only if WEBHOOK_ALLOW_HTTP=true and WEBHOOK_ALLOWED_HOSTS=127.0.0.1.`,
    json: 'print JSON lines',
  })
    .option('--port <n>', 'where to listen; 0: any free port', integerValue(0, 65_535), 8_090)
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--secret <secret>', 'the secret of the webhook, whsec_…', secretValue)
    .option('--limit <n>', 'end after so many', integerValue(1, 1_000_000))
    .action(streams(listen));
}

async function listen(print: Print, options: Options): Promise<number> {
  const { listenForWebhooks } = await import('../webhook-listener.js');
  const { isWebhookSecret } = await import('../../features/webhooks/webhook-signature.js');
  const { host, secret, limit = Infinity } = options;
  if (secret !== undefined && !isWebhookSecret(secret)) {
    throw new CliError('--secret is not whsec_ with 24 to 64 bytes in base64.', exitCodes.usage);
  }
  let seen = 0;
  const started = listenForWebhooks({ host, port: options.port, secret }, async (message) => {
    await print(message, lineOf(message));
    if (++seen >= limit) void started.then(({ server }) => server.close());
  });
  const { server, port } = await started.catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`Cannot listen on ${host}:${options.port}: ${error.code}.`, exitCodes.usage);
  });
  say(`Listening on http://${host.includes(':') ? `[${host}]` : host}:${port}/. Ctrl-C ends.`);
  await once(server, 'close');
  return exitCodes.ok;
}

function lineOf({ id, genuine, problem, event }: HookMessage): string {
  const trust = genuine === null ? 'not checked' : genuine ? 'genuine' : `REFUSED: ${problem}`;
  return printable(`${id ?? 'no webhook-id'}  ${trust}  ${JSON.stringify(event)}`);
}

function secretValue(text: string): string {
  if (text.startsWith('whsec_')) return text;
  throw new InvalidArgumentError('It begins with whsec_.');
}
