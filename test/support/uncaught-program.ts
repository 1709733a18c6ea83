import { Logger } from '@nestjs/common';
import { createLogger } from '../../src/infrastructure/http/logger.js';
import { exitOnUncaught } from '../../src/infrastructure/http/uncaught.js';

/** Ends by an error that nobody catches: thrown, or in a promise. */
Logger.overrideLogger(createLogger({ logLevel: 'info', logFormat: 'json' }));
exitOnUncaught();
setTimeout(() => undefined, 60_000);
const error = new Error('a\u001b[2Jbug');
if (process.argv[2] === 'thrown') {
  setImmediate(() => {
    throw error;
  });
} else void Promise.reject(error);
