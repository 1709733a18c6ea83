import { Logger } from '@nestjs/common';
import { fail } from './fail.js';

/**
 * Runs `stop` at the first SIGINT or SIGTERM and exits 0; a second one exits at once, and so does a
 * stop that takes longer than `withinMs`.
 */
export function stopOnSignal(stop: () => Promise<void>, withinMs: number): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(130);
    stopping = true;
    new Logger('Stop').log(`${signal}: stopping`);
    setTimeout(() => fail(new Error('Stopping took too long.')), withinMs).unref();
    stop().then(() => process.exit(0), fail);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}
