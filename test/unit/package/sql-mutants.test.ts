import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { sqlMutants } from '../../mutation/sql-mutants.js';

it('each piece of SQL that mutation testing changes is in its file once', () => {
  const found = sqlMutants.map(({ file, from }) => {
    const text = readFileSync(`src/${file}.ts`, 'utf8');
    return [from, text.split(from).length - 1];
  });
  expect(found).toEqual(sqlMutants.map(({ from }) => [from, 1]));
});
