import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { applicationPolicy } from './page-policy.js';
import { httpProblemCodes, problemSchema } from './problem.js';

const uiPath = '/api/docs';
const documentPath = '/api/openapi.json';

/** Extension that marks an operation as open to everybody. */
export const openOperation = 'x-open';

export interface OpenApiOptions {
  version: string;
  /** Codes of the features' own errors and what they mean. */
  codes?: Record<string, string>;
}

/**
 * Serves the OpenAPI document and its UI. Call it before `app.init()`/`app.listen()`.
 */
export function serveOpenApi(app: NestFastifyApplication, options: OpenApiOptions): void {
  const server: FastifyInstance = app.getHttpAdapter().getInstance();
  server.addHook('onRoute', (route) => {
    if (route.url !== documentPath && !route.url.startsWith(uiPath)) return;
    const page = async (_request: FastifyRequest, reply: FastifyReply) => {
      reply.header('content-security-policy', applicationPolicy);
    };
    route.onRequest = [page, ...[route.onRequest ?? []].flat()];
    route.config = { ...route.config, page: true };
  });
  SwaggerModule.setup(uiPath, app, () => openApiDocument(app, options), {
    jsonDocumentUrl: documentPath,
    raw: ['json'],
    customSiteTitle: 'Darkroom API',
  });
}

/** The document, from the same schemas that validate. */
export function openApiDocument(
  app: NestFastifyApplication,
  { version, codes = {} }: Pick<OpenApiOptions, 'version' | 'codes'>,
): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Darkroom')
    .setVersion(version)
    .setDescription(description({ ...httpProblemCodes, ...codes }))
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'dk_…',
      description: 'An API key: `dk_…`',
    })
    .addBasicAuth({ type: 'http', scheme: 'basic', description: 'Any name, the key as password' })
    .addSecurityRequirements('bearer')
    .addSecurityRequirements('basic')
    .build();
  const document = SwaggerModule.createDocument(app, config);
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: problemJsonSchema() },
  };
  for (const path of Object.values(document.paths)) {
    for (const verb of ['get', 'put', 'post', 'delete', 'patch', 'head'] as const) {
      const operation = path[verb];
      if (!operation) continue;
      if (openOperation in operation) operation.security = [];
      operation.responses = { ...operation.responses, default: problemAnswer };
    }
  }
  return document;
}

const problemAnswer = {
  description: 'Any error.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

function problemJsonSchema() {
  const { $schema: _schema, ...schema } = z.toJSONSchema(problemSchema, { target: 'openapi-3.0' });
  return schema as Record<string, unknown>;
}

function description(codes: Record<string, string>): string {
  const lines = Object.entries(codes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return [
    'Image generation as durable background tasks.',
    'Errors are `application/problem+json` with a stable `code`:',
    ['| code | meaning |', '|---|---|', ...lines].join('\n'),
  ].join('\n\n');
}
