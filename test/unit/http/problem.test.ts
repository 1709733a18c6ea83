import { describe, expect, it } from '@jest/globals';
import { problem, problemSchema } from '../../../src/infrastructure/http/problem.js';
import { fieldErrors, IdPipe } from '../../../src/infrastructure/http/validation.js';

describe('a problem', () => {
  it('has the one shape for every status (security 46)', () => {
    for (let status = 400; status < 600; status++) {
      expect(problemSchema.parse(problem({ status }, 'id')).status).toBe(status);
    }
  });

  it('leaves out an empty list of fields', () => {
    expect('errors' in problem({ status: 422, errors: [] }, 'id')).toBe(false);
  });
});

describe('field errors', () => {
  it('have dotted paths, and one line for each unknown field', () => {
    const errors = fieldErrors([
      { path: ['metadata', { key: 'tags' }, 0], message: 'is wrong' },
      { path: ['metadata'], message: 'not shown', keys: ['a', 'b'] },
      { message: 'is no object' },
    ]);
    expect(errors).toEqual([
      { path: 'metadata.tags.0', message: 'is wrong' },
      { path: 'metadata.a', message: 'Unknown field' },
      { path: 'metadata.b', message: 'Unknown field' },
      { path: '', message: 'is no object' },
    ]);
  });

  it('are 50 at most, with paths of 200 characters at most', () => {
    const keys = Array.from({ length: 60 }, (_, i) => String(i).padStart(300, 'x'));
    const errors = fieldErrors([{ path: [], message: '', keys }]);
    expect(errors.length).toBe(50);
    expect(errors.every(({ path }) => path.length === 200)).toBe(true);
  });
});

describe('an id in a path', () => {
  const pipe = new IdPipe('task');

  it('is a UUID, converted to lower case', () => {
    const id = '01890000-ABCD-7000-8000-00000000000F';
    expect(pipe.transform(id)).toBe(id.toLowerCase());
  });

  for (const text of ['', 'x', `01890000-abcd-7000-8000-00000000000f\n`, '0'.repeat(32)]) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(() => pipe.transform(text)).toThrow(
        expect.objectContaining({ status: 404, message: 'No such task.' }),
      );
    });
  }
});
