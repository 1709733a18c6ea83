import { z } from 'zod';
import { integer } from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const operationVariables = {
  SHUTDOWN_GRACE_SECONDS: variable(integer(0, 3600).optional(), {
    description:
      'Seconds that running tasks get to end after SIGTERM. Default 60; 3 under npm start.',
    example: '60',
  }),
  LOG_LEVEL: variable(z.enum(['debug', 'info', 'warn', 'error']).default('info'), {
    description: 'Least severe line that is written: debug, info, warn or error.',
    example: 'info',
  }),
  LOG_FORMAT: variable(z.enum(['json', 'pretty']).optional(), {
    description:
      'json, one object a line; pretty for people. Default json, pretty under npm start.',
    example: 'json',
  }),
};

export interface OperationEnvironment {
  shutdownGraceMs: number | undefined;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  logFormat: 'json' | 'pretty' | undefined;
}

export function operationEnvironment(v: Values<typeof operationVariables>): OperationEnvironment {
  return {
    shutdownGraceMs:
      v.SHUTDOWN_GRACE_SECONDS === undefined ? undefined : v.SHUTDOWN_GRACE_SECONDS * 1000,
    logLevel: v.LOG_LEVEL,
    logFormat: v.LOG_FORMAT,
  };
}
