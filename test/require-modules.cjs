/**
 * A Jest transform for CommonJS that requires ES modules. Node can, and Jest from Node 24.9 on only: here the
 * modules are imported before each test file (support/required-modules.ts) and handed over.
 */
module.exports = {
  process: (text) => ({
    code: text.replace(/require\("(@nestjs\/[\w-]+)"\)/g, 'globalThis.requiredModules["$1"]'),
  }),
};
