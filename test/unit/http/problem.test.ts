import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { problem, problemSchema } from '../../../src/infrastructure/http/problem.js';
import { fieldErrors, IdPipe } from '../../../src/infrastructure/http/validation.js';

describe('a problem', () => {
  it('has the one shape for every status', () => {
    for (let status = 400; status < 600; status++) {
      assert.equal(problemSchema.parse(problem({ status }, 'id')).status, status);
    }
  });

  it('leaves out an empty list of fields', () => {
    assert.ok(!('errors' in problem({ status: 422, errors: [] }, 'id')));
  });
});

describe('field errors', () => {
  it('have dotted paths, and one line for each unknown field', () => {
    const errors = fieldErrors([
      { path: ['metadata', { key: 'tags' }, 0], message: 'is wrong' },
      { path: ['metadata'], message: 'not shown', keys: ['a', 'b'] },
      { message: 'is no object' },
    ]);
    assert.deepEqual(errors, [
      { path: 'metadata.tags.0', message: 'is wrong' },
      { path: 'metadata.a', message: 'Unknown field' },
      { path: 'metadata.b', message: 'Unknown field' },
      { path: '', message: 'is no object' },
    ]);
  });

  it('are 50 at most, with paths of 200 characters at most', () => {
    const keys = Array.from({ length: 60 }, (_, i) => String(i).padStart(300, 'x'));
    const errors = fieldErrors([{ path: [], message: '', keys }]);
    assert.equal(errors.length, 50);
    assert.ok(errors.every(({ path }) => path.length === 200));
  });
});

describe('an id in a path', () => {
  const pipe = new IdPipe('task');

  it('is a uuid, in small letters from then on', () => {
    const id = '01890000-ABCD-7000-8000-00000000000F';
    assert.equal(pipe.transform(id), id.toLowerCase());
  });

  for (const text of ['', 'x', `01890000-abcd-7000-8000-00000000000f\n`, '0'.repeat(32)]) {
    it(`${JSON.stringify(text)} is none`, () => {
      assert.throws(() => pipe.transform(text), { status: 404, message: 'No such task.' });
    });
  }
});
