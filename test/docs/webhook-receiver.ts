import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';

interface TaskEvent {
  type: string;
  data: { task_id: string; status: string };
}

/** A server that hands on each event once. */
export function webhookReceiver(secret: string, handle: (event: TaskEvent) => void) {
  const webhook = new Webhook(secret);
  const seen = new Set<string>();
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const headers = request.headers as Record<string, string>;
    // Of the body as it came: parsing it and writing it again could change a byte.
    const event = webhook.verify(body, headers) as TaskEvent;
    const id = headers['webhook-id']!;
    if (!seen.has(id)) handle(event);
    seen.add(id);
    response.writeHead(204).end();
  };
  return createServer((request, response) => {
    receive(request, response).catch(() => response.writeHead(401).end());
  });
}
