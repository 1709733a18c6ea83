import {
  Catch,
  HttpException,
  Logger,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../common/app-error.js';
import { isTransient } from '../database/transaction.js';
import { problem, problemType, type ProblemParts } from './problem.js';
import type { RouteTable } from './route-table.js';
import { SeeOther } from './see-other.js';
import { UnreadableTypeError } from './unreadable-type.error.js';
import { isError } from '../../common/is-error.js';

interface Answer extends ProblemParts {
  headers?: Record<string, string>;
  /** Our fault, or that of a service behind us: the whole error is logged. */
  logged?: boolean;
}

/** The only place where an error becomes a response. Nothing of an unknown error reaches the client. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log = new Logger('HTTP');

  constructor(private readonly routes: RouteTable) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (error instanceof SeeOther && !reply.sent) {
      void reply.redirect(error.location, 303);
      return;
    }
    const { headers, logged, ...parts } = this.answerTo(error, request);
    if (logged === true) this.write(parts.status, error, request);
    if (reply.sent || reply.raw.headersSent) {
      // Half the response has been sent. Cutting the connection is the only way left to show that it is incomplete.
      reply.raw.destroy();
      return;
    }
    void reply
      .status(parts.status)
      .headers({ 'cache-control': 'no-store', ...headers, 'content-type': problemType })
      .send(JSON.stringify(problem(parts, request.id)));
  }

  private answerTo(error: unknown, request: FastifyRequest): Answer {
    if (error instanceof AppError) return ofAppError(error);
    if (isTransient(error)) {
      return { status: 503, headers: { 'retry-after': '5' }, logged: true };
    }
    const status = statusOf(error);
    if (status === 404) return this.ofUnknownRoute(request);
    if (status === 415) return ofAppError(new UnreadableTypeError(request));
    if (status === undefined || (status >= 500 && status !== 503)) {
      return { status: 500, logged: true };
    }
    return {
      status,
      logged: status >= 500,
      ...(status === 503 && { headers: { 'retry-after': '5' } }),
    };
  }

  private ofUnknownRoute(request: FastifyRequest): Answer {
    const verbs = this.routes.verbsOf(request.url);
    if (verbs.length === 0 || verbs.includes(request.method)) return { status: 404 };
    return { status: 405, headers: { allow: verbs.join(', ') } };
  }

  private write(status: number, error: unknown, request: FastifyRequest): void {
    const route = request.routeOptions.url ?? 'unknown route';
    const line = `${status} ${request.method} ${route} ${request.id}`;
    // A connection that the client ended looks like one that a store ended.
    if (status === 503 && request.raw.socket.destroyed) {
      this.log.debug(`${line}: the client has left`);
      return;
    }
    const shown = isError(error) ? error : new Error(String(error));
    if (status === 503) this.log.warn(`${line}: ${shown.message}`);
    else this.log.error(line, shown.stack);
  }
}

function ofAppError(error: AppError): Answer {
  const { errors, members, retryAfterSeconds } = error.details;
  const waits = error.status === 503 || error.status === 429;
  const seconds = retryAfterSeconds ?? (waits ? 5 : undefined);
  return {
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(errors && { errors }),
    ...(members && { members }),
    ...(seconds !== undefined && { headers: { 'retry-after': String(Math.ceil(seconds)) } }),
    logged: error.status >= 500,
  };
}

/** The status that Nest, Fastify or a plugin meant; their sentences are dropped. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : undefined;
}
