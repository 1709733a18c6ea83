import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { ApiError, pythonError, validationError } from './api-error.js';
import type { SketchContext } from './context.js';
import { unauthorized } from './refusals.js';
import { catalogRoutes } from './routes/catalog.routes.js';
import { controlRoutes } from './routes/control.routes.js';
import { progressRoutes } from './routes/progress.routes.js';
import { sdServerRoutes } from './routes/sd-server.routes.js';
import { txt2ImgRoute } from './routes/txt2img.route.js';

/** All routes, with FastAPI's behaviour: its 404, its 422, its parsing of bodies. */
export function sketchApp(context: SketchContext): FastifyInstance {
  const app = Fastify({ bodyLimit: 64 * 1024 * 1024 });
  readBodiesAsJson(app);
  if (context.options.auth !== undefined) requireAuth(app, context.options.auth);
  const isSdServer = context.options.mode === 'sd-server';
  app.setNotFoundHandler((_request, reply) => {
    if (isSdServer) return reply.code(404).header('connection', 'close').send();
    return reply.code(404).send({ detail: 'Not Found' });
  });
  app.setErrorHandler<FastifyError | ApiError>((error, _request, reply) => {
    const known = error instanceof ApiError ? error : pythonError(500, error.name, error.message);
    return reply.code(known.status).headers(known.headers).send(known.body);
  });
  txt2ImgRoute(app, context);
  if (isSdServer) {
    sdServerRoutes(app, context);
  } else {
    progressRoutes(app, context);
    catalogRoutes(app, context);
  }
  controlRoutes(app, context);
  return app;
}

function readBodiesAsJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    try {
      return done(null, JSON.parse(body.toString()));
    } catch {
      return done(
        validationError([
          { loc: ['body', 0], msg: 'Expecting value', type: 'value_error.jsondecode' },
        ]),
      );
    }
  });
}

function requireAuth(app: FastifyInstance, auth: string): void {
  const expected = `Basic ${Buffer.from(auth).toString('base64')}`;
  app.addHook('onRequest', async (request) => {
    if (request.url.startsWith('/sdapi/') && request.headers.authorization !== expected)
      throw unauthorized();
  });
}
