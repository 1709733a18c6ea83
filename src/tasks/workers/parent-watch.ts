import { workerData } from 'node:worker_threads';

const everyMs = 500;

/**
 * A thread of a child: ends the process when its parent is gone, even while a handler blocks the
 * event loop and nobody there sees the channel close.
 */
setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, everyMs);
