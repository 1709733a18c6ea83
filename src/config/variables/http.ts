import { z } from 'zod';
import { addressList, httpOrigin, integer } from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const httpVariables = {
  NODE_ENV: variable(z.enum(['development', 'production', 'test']).default('development'), {
    description:
      'development, production or test. Production refuses to start without DATABASE_URL.',
    example: 'production',
  }),
  HOST: variable(z.string().default('127.0.0.1'), {
    description: 'Address the API listens on: 127.0.0.1 for this machine only, 0.0.0.0 for all.',
    example: '0.0.0.0',
  }),
  PORT: variable(integer(0, 65535).default(3000), {
    description: 'Port the API listens on.',
    example: '3000',
  }),
  TRUSTED_PROXIES: variable(addressList.default([]), {
    description:
      'Addresses or CIDR blocks of proxies in front of the API, whose X-Forwarded-* headers are believed. Default: none.',
    example: '10.0.0.5,172.16.0.0/12',
  }),
  PUBLIC_ORIGIN: variable(httpOrigin.optional(), {
    description:
      'Scheme, host and port that browsers know the API by. Needed where they come by a name other than localhost.',
    example: 'https://darkroom.example.com',
  }),
  LIVE_STREAMS: variable(integer(1, 9_000).default(5_000), {
    description: 'Most event streams that one API process has open at once.',
    example: '2000',
  }),
  LIVE_STREAMS_PER_USER: variable(integer(1, 9_000).default(500), {
    description: 'Most event streams that a user has open at one API process.',
    example: '50',
  }),
  LIVE_HEARTBEAT_SECONDS: variable(integer(1, 60).default(15), {
    description:
      'An event stream has a comment after so many seconds, and its credential is checked again.',
    example: '5',
  }),
};

export interface HttpEnvironment {
  production: boolean;
  host: string;
  port: number;
  /** Addresses or CIDR blocks. */
  trustedProxies: string[];
  /** Undefined: not set; pages are then recognised by localhost or an address. */
  publicOrigin: string | undefined;
  /** Most open at once. */
  liveStreams: number;
  liveStreamsPerUser: number;
  liveHeartbeatMs: number;
}

export function httpEnvironment(v: Values<typeof httpVariables>): HttpEnvironment {
  return {
    production: v.NODE_ENV === 'production',
    host: v.HOST,
    port: v.PORT,
    trustedProxies: v.TRUSTED_PROXIES,
    publicOrigin: v.PUBLIC_ORIGIN,
    liveStreams: v.LIVE_STREAMS,
    liveStreamsPerUser: v.LIVE_STREAMS_PER_USER,
    liveHeartbeatMs: v.LIVE_HEARTBEAT_SECONDS * 1000,
  };
}
