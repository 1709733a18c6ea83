import assert from 'node:assert/strict';
import { problemSchema, problemType, type Problem } from '../../src/infrastructure/http/problem.js';

/** The body of an error answer, once it is one of this status (and code) in the shape of them all. */
export async function problemOf(
  response: Response,
  status: number,
  code?: string,
): Promise<Problem> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(response.headers.get('content-type'), problemType);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  const problem = problemSchema.parse(JSON.parse(text));
  assert.equal(problem.status, status);
  if (code !== undefined) assert.equal(problem.code, code);
  assert.equal(problem.correlation_id, response.headers.get('x-correlation-id'));
  return problem;
}

/** The fields that a 422 complains of. */
export async function badFieldsOf(response: Response): Promise<string[]> {
  const { errors } = await problemOf(response, 422, 'invalid_fields');
  return [...new Set((errors ?? []).map((error) => error.path))];
}
