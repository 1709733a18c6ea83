import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canvasGraph, type GraphRow } from '../../../src/tasks/canvas/canvas-graph.js';
import { dotOf, mermaidOf } from '../../../src/tasks/canvas/graph-notations.js';

const row = (id: string, changes: Partial<GraphRow> = {}): GraphRow => ({
  id,
  kind: 'task',
  name: id,
  state: 'PENDING',
  parentId: null,
  position: null,
  ...changes,
});

/** chain(first, chord(group(a, b), body)), with a callback of the chord's body. */
const nested = [
  row('root', { kind: 'chain', name: 'chain', state: 'STARTED' }),
  row('first', { parentId: 'root', position: 0, state: 'SUCCESS' }),
  row('chord', { kind: 'chord', parentId: 'root', position: 1 }),
  // Rows come in any order.
  row('body', { parentId: 'chord', position: 1 }),
  row('header', { kind: 'group', parentId: 'chord', position: 0 }),
  row('b', { parentId: 'header', position: 1, state: 'FAILURE' }),
  row('a', { parentId: 'header', position: 0 }),
  row('told', { parentId: 'body' }),
];

describe('a canvas as Mermaid', () => {
  it('boxes in boxes, arrows along chains and chords, dashed ones to callbacks', () => {
    assert.equal(
      mermaidOf(canvasGraph(nested)),
      `flowchart LR
  subgraph n0["chain: STARTED"]
    n1["first<br/>SUCCESS"]
    subgraph n2["chord: PENDING"]
      subgraph n3["group: PENDING"]
        n4["a<br/>PENDING"]
        n5["b<br/>FAILURE"]
      end
      n6["body<br/>PENDING"]
    end
  end
  n7["told<br/>PENDING"]
  n3 --> n6
  n1 --> n2
  n6 -.-> n7
  classDef STARTED fill:#bbdefb,stroke:#1976d2,color:#212121
  class n0 STARTED
  classDef SUCCESS fill:#c8e6c9,stroke:#388e3c,color:#212121
  class n1 SUCCESS
  classDef PENDING fill:#eceff1,stroke:#78909c,color:#212121
  class n2,n3,n4,n6,n7 PENDING
  classDef FAILURE fill:#ffcdd2,stroke:#d32f2f,color:#212121
  class n5 FAILURE`,
    );
  });

  it('a single task is one box, an empty group too', () => {
    const drawn = (rows: GraphRow[]) => mermaidOf(canvasGraph(rows)).split('\n')[1];
    assert.equal(drawn([row('alone')]), '  n0["alone<br/>PENDING"]');
    assert.equal(drawn([row('g', { kind: 'group' })]), '  n0["group<br/>PENDING"]');
    assert.equal(drawn([row('m', { kind: 'map' })]), '  n0["map of m<br/>PENDING"]');
  });

  it('a name is never markup', () => {
    const name = `a"]; click n0 "javascript:alert(1)" %% #lt;<b>\n  end`;
    const [, line, ...rest] = mermaidOf(canvasGraph([row('x', { name })])).split('\n');
    assert.match(line!, /^ {2}n0\["[^"<>]*<br\/>PENDING"\]$/);
    assert.match(line!, /a#34;#93;#59; click n0/);
    assert.equal(rest.length, 2, 'the styles, and no line of its own');
  });

  it('sums up a large group, callbacks of its parts included', () => {
    const rows = [
      row('g', { kind: 'group', name: 'group' }),
      ...Array.from({ length: 1_000 }, (_, i) =>
        row(`p${i}`, {
          parentId: 'g',
          position: i,
          state: i < 990 ? 'SUCCESS' : 'FAILURE',
        }),
      ),
      row('after', { parentId: 'p999' }),
    ];
    const text = mermaidOf(canvasGraph(rows));
    assert.match(
      text,
      /n20\["p19<br\/>SUCCESS"\]\n {4}n21\["980 more<br\/>970 SUCCESS, 10 FAILURE"\]/,
    );
    assert.match(text, /n21 -\.-> n22/);
    assert.ok(text.split('\n').length < 60);
  });
});

describe('a canvas for Graphviz', () => {
  it('joins boxes through what is in them', () => {
    const text = dotOf(canvasGraph(nested));
    assert.match(text, /^digraph canvas \{\n/);
    assert.match(text, /subgraph cluster_n2 \{\n {6}label="chord: PENDING";/);
    assert.match(text, /\n {2}n1 -> n4 \[lhead=cluster_n2\];\n/);
    assert.match(text, /\n {2}n5 -> n6 \[ltail=cluster_n3\];\n/);
    assert.match(text, /\n {2}n6 -> n7 \[style=dashed\];\n/);
    assert.equal(text.match(/\{/g)!.length, text.match(/\}/g)!.length);
  });

  it('a name is never markup', () => {
    const [, , , line] = dotOf(canvasGraph([row('x', { name: 'a"; evil -> \\b\n' })])).split('\n');
    assert.match(line!, /^ {2}n0 \[label="a\\"; evil -> \\\\b \\nPENDING" /);
  });
});
