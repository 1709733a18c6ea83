import { describe, expect, it } from '@jest/globals';
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
  it('has nested boxes, arrows along chains and chords, and dashed arrows to callbacks', () => {
    expect(mermaidOf(canvasGraph(nested))).toBe(`flowchart LR
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
  class n5 FAILURE`);
  });

  it('shows a single task or an empty group as one box', () => {
    const drawn = (rows: GraphRow[]) => mermaidOf(canvasGraph(rows)).split('\n')[1];
    expect(drawn([row('alone')])).toBe('  n0["alone<br/>PENDING"]');
    expect(drawn([row('g', { kind: 'group' })])).toBe('  n0["group<br/>PENDING"]');
    expect(drawn([row('m', { kind: 'map' })])).toBe('  n0["map of m<br/>PENDING"]');
  });

  it('never treats a name as markup', () => {
    const name = `a"]; click n0 "javascript:alert(1)" %% #lt;<b>\n  end`;
    const [, line, ...rest] = mermaidOf(canvasGraph([row('x', { name })])).split('\n');
    expect(line!).toMatch(/^ {2}n0\["[^"<>]*<br\/>PENDING"\]$/);
    expect(line!).toMatch(/a#34;#93;#59; click n0/);
    expect(rest.length).toBe(2);
  });

  it('summarises a large group, including callbacks of its parts', () => {
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
    expect(text).toMatch(
      /n20\["p19<br\/>SUCCESS"\]\n {4}n21\["980 more<br\/>970 SUCCESS, 10 FAILURE"\]/,
    );
    expect(text).toMatch(/n21 -\.-> n22/);
    expect(text.split('\n').length).toBeLessThan(60);
  });
});

describe('a canvas for Graphviz', () => {
  it('joins boxes through their contents', () => {
    const text = dotOf(canvasGraph(nested));
    expect(text).toMatch(/^digraph canvas \{\n/);
    expect(text).toMatch(/subgraph cluster_n2 \{\n {6}label="chord: PENDING";/);
    expect(text).toMatch(/\n {2}n1 -> n4 \[lhead=cluster_n2\];\n/);
    expect(text).toMatch(/\n {2}n5 -> n6 \[ltail=cluster_n3\];\n/);
    expect(text).toMatch(/\n {2}n6 -> n7 \[style=dashed\];\n/);
    expect(text.match(/\{/g)!.length).toBe(text.match(/\}/g)!.length);
  });

  it('never treats a name as markup', () => {
    const [, , , line] = dotOf(canvasGraph([row('x', { name: 'a"; evil -> \\b\n' })])).split('\n');
    expect(line!).toMatch(/^ {2}n0 \[label="a\\"; evil -> \\\\b \\nPENDING" /);
  });
});
