import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import safeRegex from 'safe-regex2';
import ts from 'typescript';

/** What stands in SQL and is no constant of its file: our own words, which a caller or a line before has chosen. */
const reviewed = [
  'features/accounts/account-deletion.ts: table',
  'features/chat-history/chat-writer.ts: conflict',
  'features/maintenance/old-rows.ts: key',
  'features/maintenance/old-rows.ts: table',
  'features/maintenance/old-tasks.ts: wanted',
  'features/webhooks/deliveries.ts: response',
  // Names and passwords cannot be parameters of CREATE: they are escaped.
  'infrastructure/embedded/prepare-database.ts: admin.escapeIdentifier(database)',
  'infrastructure/embedded/prepare-database.ts: escapeLiteral(password)',
  'tasks/canvas/canvas-lock.ts: lock',
  'tasks/canvas/canvas-progress.ts: which',
  'tasks/hints/reconciler.ts: condition',
  'tasks/hints/reconciler.ts: order',
  'tasks/history/task-history.ts: scope',
  'tasks/ledger/claim-sql.ts: condition',
  'tasks/ledger/claim-sql.ts: set',
  'tasks/ledger/task-transitions.ts: errorSql',
  'tasks/ledger/task-transitions.ts: still',
  'tasks/limits/fair-shares.ts: canStart',
  'tasks/limits/fair-shares.ts: columns',
  'tasks/limits/owner-limits.ts: counts',
  'tasks/limits/owner-limits.ts: name',
  'tasks/operations/queue-purge.ts: which',
];

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, file: parsed(join('src', name)) }));

function parsed(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
}

function nodesOf<T extends ts.Node>(file: ts.SourceFile, is: (node: ts.Node) => node is T): T[] {
  const found: T[] = [];
  const visit = (node: ts.Node): void => {
    if (is(node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** Constants, functions and imports of a file. */
function constantsOf(file: ts.SourceFile): Set<string> {
  const names = file.statements.flatMap((statement) => {
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText());
    if (ts.isFunctionDeclaration(statement)) return [statement.name?.text ?? ''];
    if (!ts.isImportDeclaration(statement)) return [];
    const named = statement.importClause?.namedBindings;
    return named && ts.isNamedImports(named) ? named.elements.map(({ name }) => name.text) : [];
  });
  return new Set(names);
}

function isConstant(value: ts.Expression, constants: Set<string>): boolean {
  if (ts.isStringLiteral(value) || ts.isNumericLiteral(value)) return true;
  if (ts.isIdentifier(value)) return constants.has(value.text);
  if (ts.isConditionalExpression(value))
    return isConstant(value.whenTrue, constants) && isConstant(value.whenFalse, constants);
  if (ts.isCallExpression(value))
    return [value.expression, ...value.arguments].every((part) => isConstant(part, constants));
  return false;
}

it('SQL is made of constants; everything else is a parameter (security 27)', () => {
  const sql = /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|ALTER|CREATE|DROP|SET|WHERE|ORDER BY)\b/;
  const found = sources.flatMap(({ name, file }) => {
    const constants = constantsOf(file);
    return nodesOf(file, ts.isTemplateExpression)
      .filter((template) => sql.test(template.getText()))
      .flatMap(({ templateSpans }) => templateSpans.map(({ expression }) => expression))
      .filter((expression) => !isConstant(expression, constants))
      .map((expression) => `${name}: ${expression.getText()}`);
  });
  expect([...new Set(found)].toSorted()).toEqual(reviewed);
  const glued = sources.flatMap(({ name, file }) =>
    nodesOf(file, ts.isBinaryExpression)
      .filter(({ operatorToken }) => operatorToken.kind === ts.SyntaxKind.PlusToken)
      .filter(({ left }) => sql.test(left.getText()) && ts.isStringLiteralLike(left))
      .map((sum) => `${name}: ${sum.getText()}`),
  );
  expect(glued).toEqual([]);
});

it('no regular expression repeats a repetition, which backtracks without end (security 19)', () => {
  const found = sources.flatMap(({ name, file }) =>
    nodesOf(file, ts.isRegularExpressionLiteral).map(({ text }) => ({ name, text })),
  );
  expect(found.length).toBeGreaterThan(100);
  const slow = found.filter(({ text }) => {
    const [, pattern, flags] = /^\/(.*)\/(\w*)$/s.exec(text)!;
    // What is repeated once, or a fixed number of times, does no harm; the package counts it all the same.
    const endless = pattern!.replaceAll(/(?<=\))\?|\{\d+(,\d+)?\}/g, '');
    return !safeRegex(new RegExp(endless, flags), { limit: 100 });
  });
  expect(slow).toEqual([]);
});

it('races with a timer are in src/common/deadline.ts; the others have none', () => {
  const racing = sources.filter(({ file }) =>
    nodesOf(file, ts.isPropertyAccessExpression).some((node) => node.getText() === 'Promise.race'),
  );
  expect(racing.map(({ name }) => name).toSorted()).toEqual([
    'cli/ask.ts',
    'cli/repl.ts',
    'common/deadline.ts',
    'features/pipelines/pipeline-run.ts',
    'infrastructure/embedded/stand-in-engine.ts',
  ]);
});

it('nothing is guarded by middleware, which other spellings of a path get around (security 1)', () => {
  const using = sources.filter(({ file }) =>
    /\b(NestMiddleware|MiddlewareConsumer)\b/.test(file.text),
  );
  expect(using.map(({ name }) => name)).toEqual([]);
});

it('only the clients of engines and webhooks speak HTTP to others (security 26)', () => {
  const client = /import [^;]*\b(request|get|create|axios)\b[^;]* from '(axios|(node:)?https?)'/;
  const speaking = sources.filter(({ name, file }) => {
    if (/^(sketch|cli)\b/.test(name)) return false;
    const calls = nodesOf(file, ts.isCallExpression);
    return (
      client.test(file.text) || calls.some(({ expression }) => expression.getText() === 'fetch')
    );
  });
  expect(speaking.map(({ name }) => name).toSorted()).toEqual([
    join('features', 'image-generation', 'engines', 'a1111-http.ts'),
    join('features', 'webhooks', 'webhook-client.ts'),
  ]);
});

it('names of tasks are literals, and queues are an enumeration (security 32)', () => {
  const definitions = sources.flatMap(({ name, file }) =>
    nodesOf(file, ts.isCallExpression)
      .filter(({ expression }) => expression.getText() === 'defineTask')
      .map((call) => ({ name, text: call.getText() })),
  );
  expect(definitions.length).toBeGreaterThan(5);
  const others = definitions.filter(
    ({ text }) => !/\bname: '[a-z_]+',/.test(text) || !/\bqueue: '[a-z_]+',/.test(text),
  );
  expect(others).toEqual([]);
});
