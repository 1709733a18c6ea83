import type { Command } from 'commander';
import { answers, command } from '../command.js';
import { findPlace } from '../connection.js';
import { list } from '../output.js';

/** Prints the addresses that a browser can open. */
export function openCommand(program: Command): void {
  command(program, 'open', {
    description: 'Print the addresses of the API, its documentation and the dashboards.',
    examples: [
      ['open', 'the addresses'],
      ['open --json', 'for a script'],
    ],
    notes:
      'Of the npm start of this folder; without one, HOST and PORT say where the API should be.',
  }).action(
    answers(async () => {
      const { env, running } = await findPlace();
      const host = ['0.0.0.0', '::'].includes(env.host) ? 'localhost' : env.host;
      const url = running?.url ?? `http://${host.includes(':') ? `[${host}]` : host}:${env.port}`;
      const addresses = {
        api: `${url}/api/v1`,
        docs: `${url}/api/docs`,
        openapi: `${url}/api/openapi.json`,
        queues: `${url}/admin/queues`,
        health: `${url}/health/ready`,
      };
      return {
        json: { ...addresses, running: running !== undefined },
        text: [
          list([
            ['API', addresses.api],
            ['API docs', addresses.docs],
            ['OpenAPI', addresses.openapi],
            ['Queues', `${addresses.queues}  (sign in with an admin key)`],
            ['Health', addresses.health],
          ]),
          ...(running
            ? []
            : ['\nNo npm start runs in this folder: these come from HOST and PORT.']),
        ].join('\n'),
      };
    }),
  );
}
