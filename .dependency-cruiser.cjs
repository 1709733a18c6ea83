/** From the top floor down: a folder imports from those below it and never from those above. */
const floors = ['features', 'tasks', 'infrastructure', '(config|common)'];

/** The same inside of src/tasks: the order follows docs/architecture.md. */
const taskFloors = [
  'control',
  'workers',
  'pools',
  'running',
  'schedules',
  'operations',
  'sending',
  'results',
  'ending',
  'canvas',
  'limits',
  'events',
  'hints',
  'history',
  'ledger',
  'process',
  'definitions',
  'migrations',
];

/** A folder that is missing in the list would stand outside of the order. */
const onlyListed = (folder, names) => ({
  name: `${folder}-lists-its-folders`,
  comment: 'add the new folder to its place in the list of floors',
  severity: 'error',
  from: { path: `^${folder}/[^/]+/`, pathNot: `^${folder}/(${names.join('|')})/` },
  to: {},
});

/** One rule for each floor; the files that stand beside the folders are above all of them. */
const pointDown = (folder, names) =>
  names.map((name, i) => ({
    name: `${name}-points-down`,
    severity: 'error',
    from: { path: `^${folder}/${name}/` },
    to: {
      path: [`^${folder}/[^/]+\\.ts$`, ...names.slice(0, i).map((above) => `^${folder}/${above}/`)],
    },
  }));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...pointDown('src', floors),
    ...pointDown('src/tasks', taskFloors),
    onlyListed('src/tasks', taskFloors),
    {
      name: 'workers-do-without-http',
      comment:
        'the HTTP packages take a quarter of the time in which a worker or a child of it starts',
      severity: 'error',
      from: { path: '^src/(run-worker|worker-child)\\.ts$' },
      to: { path: '\\.controller\\.ts$', reachable: true },
    },
    {
      name: 'nobody-imports-the-command-line',
      comment: 'it stands beside the roots, on top of everything',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli(/|\\.ts$)' },
      to: { path: '^src/cli(/|\\.ts$)' },
    },
    {
      name: 'sketch-stands-alone',
      severity: 'error',
      from: { path: '^src/sketch/' },
      to: { path: '^src/', pathNot: '^src/sketch/' },
    },
    {
      name: 'nobody-imports-the-sketch',
      comment: 'it is a separate program, reached over HTTP',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/sketch/' },
      to: { path: '^src/sketch/' },
    },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
