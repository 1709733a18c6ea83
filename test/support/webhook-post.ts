import { WebhookClient } from '../../src/features/webhooks/webhook-client.js';
import { WebhookDns } from '../../src/features/webhooks/webhook-dns.js';
import { WebhookUrls } from '../../src/features/webhooks/webhook-urls.js';

/**
 * Posts one webhook and prints the answer as JSON: a process of its own, as the authorities that Node.js trusts are
 * read when it starts. Arguments: URL, DNS server.
 */
const [url, dns] = process.argv.slice(2);
const rules = { webhookAllowHttp: false, webhookAllowedHosts: ['127.0.0.1'] };
const client = new WebhookClient(new WebhookUrls(rules), new WebhookDns([dns!]));
console.log(JSON.stringify(await client.post(url!, {}, '{"type":"ping"}')));
