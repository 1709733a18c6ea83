/**
 * What `nest g` writes, as this project writes it: relative imports end in `.js`, unused parameters begin with `_`, and
 * prettier has been there. Nest's own generator does so from release 12 on, which needs Node 22.
 */
const nest = '@nestjs/schematics';
const { chain, externalSchematic } = require(
  require.resolve('@angular-devkit/schematics', { paths: [require.resolve(nest)] }),
);

const generate = (schematic, fixed) => (options) =>
  chain([externalSchematic(nest, schematic, { ...options, ...fixed }), tidied]);

async function tidied(tree) {
  const prettier = await import('prettier');
  const config = await prettier.resolveConfig('nest-cli.json');
  const changed = new Set(
    tree.actions.map(({ path }) => path).filter((path) => path.endsWith('.ts')),
  );
  for (const filepath of changed) {
    const text = tree
      .readText(filepath)
      .replace(/( from '\.{1,2}\/[^']+?)(\.js)?';/g, "$1.js';")
      .replace(/\b((?:create|update)\w+Dto): /g, (parameter) =>
        filepath.endsWith('.service.ts') ? `_${parameter}` : parameter,
      );
    tree.overwrite(filepath, await prettier.format(text, { ...config, filepath }));
  }
}

// A feature is listed in src/api-features.ts or src/worker-features.ts, not in the module that happens to be nearest.
const listedByHand = { skipImport: true };

module.exports = {
  module: generate('module', listedByHand),
  resource: generate('resource', listedByHand),
  controller: generate('controller'),
  service: generate('service'),
};
