import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance } from 'fastify';
import { AppError, UnavailableError } from '../../common/app-error.js';
import { applicationPolicy } from '../../infrastructure/http/page-policy.js';
import { SeeOther } from '../../infrastructure/http/see-other.js';
import { AuthGate } from '../auth/auth-gate.js';

/** Calls to the queue store may hang while it is down; a page must not hang with them. */
const handlerTimeoutMs = 10_000;

/** Bull Board's page loads a font from another host; the system font is good enough. */
const foreignLink = /<link [^>]*href="https?:[^>]*>/g;

/**
 * Bull Board in its own Fastify scope. The hooks of the scope run for its pages, its API, its files and its 404s:
 * every request that the router sends here passes them.
 *
 * Read only. The ledger decides about tasks; the reconciler would undo a retry or a removal in the queue, and
 * until then the board would show a wrong state.
 */
export function boardServer(gate: AuthGate): new () => FastifyAdapter {
  return class BoardServer extends FastifyAdapter {
    /** Rethrows, so that the error reaches the one filter; Bull Board would show its message. */
    override setErrorHandler(): this {
      return super.setErrorHandler((error) => {
        if (error instanceof SeeOther || isClientError(error)) throw error;
        throw new UnavailableError('The queue does not answer at the moment.', error);
      });
    }

    override registerPlugin() {
      const plugin = super.registerPlugin();
      return async (scope: FastifyInstance): Promise<void> => {
        guard(scope, gate);
        await scope.register(plugin);
      };
    }
  };
}

function guard(scope: FastifyInstance, gate: AuthGate): void {
  scope.addHook('onRoute', (route) => {
    route.handlerTimeout = handlerTimeoutMs;
    route.config = { ...route.config, page: true };
  });
  scope.addHook('onRequest', async (request, reply) => {
    await gate.admit(request, reply, { admin: true, page: true });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      reply.header('allow', 'GET, HEAD');
      throw new ReadOnlyError();
    }
    reply.header('content-security-policy', applicationPolicy);
  });
  // Bull Board answers these itself: an unknown queue or job, and actions that are switched off.
  scope.addHook('preSerialization', async (_request, reply, payload) => {
    if (reply.statusCode < 400) return payload;
    throw Object.assign(new Error('refused by Bull Board'), { statusCode: reply.statusCode });
  });
  scope.addHook('onSend', async (_request, reply, payload) => {
    const html = String(reply.getHeader('content-type')).startsWith('text/html');
    return html && typeof payload === 'string' ? payload.replaceAll(foreignLink, '') : payload;
  });
  scope.setNotFoundHandler((_request, reply) => {
    reply.header('content-security-policy', applicationPolicy);
    throw new AppError(404, 'not_found', 'There is nothing here.');
  });
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
