import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance } from 'fastify';
import { AppError, UnavailableError } from '../../common/app-error.js';
import { applicationPolicy } from '../../infrastructure/http/page-policy.js';
import { SeeOther } from '../../infrastructure/http/see-other.js';
import { QUEUE_NAMES } from '../../tasks/queues.js';
import { TaskHints } from '../../tasks/task-hints.js';
import { AuthGate } from '../auth/auth-gate.js';

export const boardPath = '/admin/queues';

/** The queue store may hang when it is away; a page must not hang with it. */
const handlerTimeoutMs = 10_000;

/**
 * Bull Board in a scope of its own, whose hooks run for its pages, its API, its files and its 404s
 * alike: whatever the router brings here has passed them.
 *
 * Read only. The ledger decides about tasks; a retry or a removal in the queue would be undone by
 * the reconciler and say something untrue meanwhile.
 */
export function adminQueues(hints: TaskHints, gate: AuthGate) {
  return async (scope: FastifyInstance): Promise<void> => {
    scope.addHook('onRoute', (route) => {
      route.handlerTimeout = handlerTimeoutMs;
    });
    scope.addHook('onRequest', async (request, reply) => {
      await gate.admit(request, reply, { admin: true, page: true });
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        reply.header('allow', 'GET, HEAD');
        throw new ReadOnlyError();
      }
      reply.header('content-security-policy', applicationPolicy);
    });
    scope.setNotFoundHandler((_request, reply) => {
      reply.header('content-security-policy', applicationPolicy);
      throw new AppError(404, 'not_found', 'There is nothing here.');
    });
    await scope.register(boardPlugin(hints));
  };
}

function boardPlugin(hints: TaskHints) {
  const server = new FastifyAdapter().setBasePath(boardPath);
  const queues = QUEUE_NAMES.map((name) => {
    return new BullMQAdapter(hints.of(name), { readOnlyMode: true, allowRetries: false });
  });
  createBullBoard({
    queues,
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'Darkroom queues',
        // It would have to be fetched from elsewhere, and tells an attacker what to look up.
        hideRedisDetails: true,
      },
    },
  });
  // Thrown on, an error reaches the one filter; Bull Board would show its message.
  server.setErrorHandler((error) => {
    if (error instanceof SeeOther || isClientError(error)) throw error;
    throw new UnavailableError('The queue does not answer just now.', error);
  });
  return server.registerPlugin();
}

function isClientError(error: unknown): boolean {
  const status =
    error instanceof AppError ? error.status : (error as { statusCode?: number }).statusCode;
  return status !== undefined && status < 500;
}

class ReadOnlyError extends AppError {
  constructor() {
    super(405, 'method_not_allowed', 'The board is read only. Tasks are changed through the API.');
  }
}
