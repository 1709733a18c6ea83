import { isIP } from 'node:net';
import { addressList, commaList, flag, integer } from '../environment-values.js';
import { variable, type Values } from './variable.js';

const hostName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;

/** Names of hosts, addresses or CIDR blocks, separated by commas. */
const hostList = commaList
  .refine(
    (list) => list.every((item) => isNumeric(item) || hostName.test(item)),
    'is not a comma list of host names, addresses or CIDR blocks (hooks.intranet, 10.0.0.0/8)',
  )
  .refine(
    (list) => list.every((item) => !isNumeric(item) || addressList.safeParse(item).success),
    'has an address or a CIDR block that is none',
  );

function isNumeric(item: string): boolean {
  return item.includes('/') || isIP(item) !== 0;
}

export const webhooksVariables = {
  WEBHOOK_ALLOW_HTTP: variable(flag.default(false), {
    description: 'true: webhooks may be http:// URLs too, for development and intranets.',
    example: 'true',
  }),
  WEBHOOK_ALLOWED_HOSTS: variable(hostList.default([]), {
    description:
      'Hosts, addresses or CIDR blocks, separated by commas, that webhooks may reach although they are not public.',
    example: 'hooks.intranet,10.1.0.0/16',
  }),
  WEBHOOK_RETENTION_DAYS: variable(integer(0, 36_500).default(30), {
    description: 'Days that deliveries of webhooks are kept; 0: forever.',
    example: '30',
  }),
};

export interface WebhooksEnvironment {
  webhookAllowHttp: boolean;
  /** Names, addresses or CIDR blocks. */
  webhookAllowedHosts: string[];
  /** Days; 0 keeps them forever. */
  webhookRetentionDays: number;
}

export function webhooksEnvironment(v: Values<typeof webhooksVariables>): WebhooksEnvironment {
  return {
    webhookAllowHttp: v.WEBHOOK_ALLOW_HTTP,
    webhookAllowedHosts: v.WEBHOOK_ALLOWED_HOSTS,
    webhookRetentionDays: v.WEBHOOK_RETENTION_DAYS,
  };
}
