import Fastify from 'fastify';
import { Pool } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { path } from './request.js';

/** The baseline: a plain route that stores each request with one INSERT, committed, and nothing else. */
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 20 });
await pool.query(
  'CREATE TABLE IF NOT EXISTS bench_floor (id uuid PRIMARY KEY, body jsonb NOT NULL)',
);
const server = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
server.post(path, async (request, reply) => {
  const id = uuidv7();
  const stored = JSON.stringify(request.body);
  await pool.query('INSERT INTO bench_floor (id, body) VALUES ($1, $2)', [id, stored]);
  return reply.code(202).send({ task_id: id });
});
console.log(`Listening on ${await server.listen({ host: '127.0.0.1', port: 0 })}`);
