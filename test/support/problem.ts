import { expect } from '@jest/globals';
import { about } from './about.js';
import { problemSchema, problemType, type Problem } from '../../src/infrastructure/http/problem.js';

/** The body of an error answer, once it is one of this status (and code) in the shape of them all. */
export async function problemOf(
  response: Response,
  status: number,
  code?: string,
): Promise<Problem> {
  const text = await response.text();
  about(text, () => expect(response.status).toBe(status));
  expect(response.headers.get('content-type')).toBe(problemType);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem.status).toBe(status);
  if (code !== undefined) expect(problem.code).toBe(code);
  expect(problem.correlation_id).toBe(response.headers.get('x-correlation-id'));
  return problem;
}

/** The fields that a 422 complains of. */
export async function badFieldsOf(response: Response): Promise<string[]> {
  const { errors } = await problemOf(response, 422, 'invalid_fields');
  return [...new Set((errors ?? []).map((error) => error.path))];
}
