import type { Readable } from 'node:stream';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../../common/app-error.js';
import type { Settings } from '../../config/config.module.js';
import { forRequest } from '../database/request-deadline.js';
import { answerBrokenConnection, answerFrameworkError } from './early-errors.js';
import { pictureTypes } from './accepts-picture.decorator.js';
import { createLogger } from './logger.js';
import { handleOneAtATime } from './one-at-a-time.js';
import { ProblemFilter } from './problem.filter.js';
import { RouteTable } from './route-table.js';
import { MalformedBodyError, parseStrictJson } from './strict-json.js';
import { UnreadableTypeError } from './unreadable-type.error.js';
import { schemaPipe } from './validation.js';

export interface HttpOptions {
  /** Addresses or CIDR blocks of proxies whose X-Forwarded-* headers are trusted. None by default. */
  trustedProxies?: string[];
  /** Milliseconds that a request waits for the database before its 503. Default: 8 s. */
  databasePatienceMs?: number;
  /** Instead of the logger that the settings ask for. */
  logger?: LoggerService | false;
}

type RootModule = Parameters<typeof NestFactory.create>[0];

const bodyLimit = 64 * 1024;
const formBytes = 4 * 1024;
/** With it a 503 is sent within ten seconds. */
const defaultDatabasePatienceMs = 8_000;

/** Milliseconds and bytes; every wait on a client has an end. */
const limits = {
  bodyLimit,
  requestTimeout: 30_000,
  // Silence on an open connection. Above `Prefer: wait=60`; streams send something more often.
  connectionTimeout: 90_000,
  keepAliveTimeout: 65_000,
  maxRequestsPerSocket: 0,
  http: { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
};

/** More are closed at once. Each needs some 20 KB, even if it never says anything. */
const mostConnections = 10_000;

const tables = new WeakMap<object, RouteTable>();

/** Every route of the server, those of plugins included. */
export function routesOf(app: NestFastifyApplication): RouteTable {
  return tables.get(app.getHttpAdapter().getInstance())!;
}

/**
 * The HTTP server around `rootModule`, not listening yet: limits, headers, correlation ids, strict
 * bodies, validation and the one error shape. Authentication is a hook of the module's features.
 */
export async function createHttpApp(
  rootModule: RootModule,
  settings: Pick<Settings, 'logLevel' | 'logFormat'>,
  options: HttpOptions = {},
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    ...limits,
    routerOptions: { ignoreTrailingSlash: true, caseSensitive: true, maxParamLength: 200 },
    // An empty list trusts nobody.
    trustProxy: options.trustedProxies ?? [],
    requestIdHeader: false,
    genReqId: correlationIdOf,
    // Fastify's own 503 has another shape; a request that still arrives is answered as usual.
    return503OnClosing: false,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerBrokenConnection,
  });
  const server = adapter.getInstance<FastifyInstance>();
  server.server.maxConnections = mostConnections;
  const routes = new RouteTable();
  tables.set(server, routes);
  server.addHook('onRoute', (route) => {
    routes.add(route);
    const { bodyBytes } = route.config ?? {};
    if (bodyBytes !== undefined) route.bodyLimit = bodyBytes;
  });
  acceptOnlyJson(server);
  await server.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: strictDirectives },
    // Only true behind TLS; set per request below.
    strictTransportSecurity: false,
    // With no-referrer a browser sends `Origin: null` with our own forms.
    referrerPolicy: { policy: 'same-origin' },
  });
  await server.register(cookie);
  closeConnectionsAtTheEnd(server);
  // After helmet's hook, so that a refusal has the same headers as any other response.
  addRequestHooks(server);
  handleOneAtATime(server);
  const patienceMs = options.databasePatienceMs ?? defaultDatabasePatienceMs;
  server.addHook('onRequest', (_request, _reply, done) => forRequest(patienceMs, done));
  const app = await NestFactory.create<NestFastifyApplication>(rootModule, adapter, {
    bodyParser: false,
    abortOnError: false,
    logger: options.logger ?? createLogger(settings),
  });
  app.useGlobalFilters(new ProblemFilter(routes));
  app.useGlobalPipes(schemaPipe());
  return app;
}

const strictDirectives = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] };

function addRequestHooks(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-correlation-id', request.id).header('cache-control', 'no-store');
    if (request.protocol === 'https') {
      void reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains');
    }
    if (repeatsQueryKey(request.query)) done(new RepeatedQueryKeyError());
    // Nothing is decompressed here: a small body could become a very large one.
    else done(isCompressed(request) ? new UnreadableTypeError(request) : undefined);
  });
}

/** A connection that an earlier request keeps alive would otherwise delay the end of the process. */
function closeConnectionsAtTheEnd(server: FastifyInstance): void {
  let closing = false;
  server.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) void reply.header('connection', 'close');
    done(null, payload);
  });
}

/** With two values, a reader of the first and a reader of the last would see different requests. */
class RepeatedQueryKeyError extends AppError {
  constructor() {
    super(400, 'malformed_request', 'A query parameter is given more than once.');
  }
}

function repeatsQueryKey(query: unknown): boolean {
  return Object.values(query as object).some((value) => Array.isArray(value));
}

function acceptOnlyJson(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer', bodyLimit },
    async (request: FastifyRequest, body: Buffer) => {
      const { acceptsPicture, rawJson, bodyBytes } = request.routeOptions.config;
      if (acceptsPicture === true || !isUtf8(request.headers['content-type'])) {
        throw new UnreadableTypeError(request);
      }
      if (rawJson === true) return body;
      return parseStrictJson(body, (bodyBytes ?? bodyLimit) / bodyLimit);
    },
  );
  server.addContentTypeParser<string>(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: formBytes },
    async (request: FastifyRequest, body: string) => {
      const { acceptsForm } = request.routeOptions.config;
      if (acceptsForm !== true || !isUtf8(request.headers['content-type'])) {
        throw new UnreadableTypeError(request);
      }
      return parseForm(body);
    },
  );
  server.addContentTypeParser(pictureTypes, async (request: FastifyRequest, body: Readable) => {
    const { acceptsPicture, ignoresForm } = request.routeOptions.config;
    // The route reads it when it has room for it.
    if (acceptsPicture === true) return body;
    if (ignoresForm !== true || !isMultipart(request)) throw new UnreadableTypeError(request);
    await discard(body);
    return {};
  });
}

function isMultipart({ headers }: FastifyRequest): boolean {
  return /^multipart\//i.test(headers['content-type'] ?? '');
}

/** Reads a form that says nothing. */
async function discard(body: Readable): Promise<void> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > formBytes) throw new AppError(413, 'body_too_large', 'The form is too large.');
  }
}

function isCompressed({ headers }: FastifyRequest): boolean {
  return !/^(identity)?$/i.test(headers['content-encoding'] ?? '');
}

function isUtf8(type: string | undefined): boolean {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type ?? '')?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset);
}

function parseForm(body: string): Record<string, string> {
  const fields = new URLSearchParams(body);
  if (new Set(fields.keys()).size !== fields.size) {
    throw new MalformedBodyError('The form has the same field twice.');
  }
  return Object.fromEntries(fields);
}

function correlationIdOf(raw: IncomingMessage): string {
  const given = raw.headers['x-request-id'] ?? raw.headers['x-correlation-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}
