const layer = (name, from, ...above) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: above },
});
const roots = '^src/[^/]+\\.ts$';

/** Arrows point down (docs/architecture in the README): features, tasks, infrastructure, config, common. */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    layer('features-below-roots', '^src/features/', roots),
    layer('tasks-below-features', '^src/tasks/', roots, '^src/features/'),
    layer(
      'infrastructure-below-tasks',
      '^src/infrastructure/',
      roots,
      '^src/features/',
      '^src/tasks/',
    ),
    layer(
      'config-below-all',
      '^src/(config|common)/',
      roots,
      '^src/(features|tasks|infrastructure)/',
    ),
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
