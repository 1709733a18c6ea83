import { workerData } from 'node:worker_threads';

const everyMs = 500;

/**
 * Runs in a thread of a child process. Ends the process when its parent is gone, even while a handler blocks
 * the event loop, so that the main thread cannot see the channel close.
 */
setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, everyMs);
