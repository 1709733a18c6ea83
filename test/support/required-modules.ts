import * as bullShared from '@nestjs/bull-shared';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';

/** For `require-modules.cjs`. */
Object.assign(globalThis, {
  requiredModules: {
    '@nestjs/bull-shared': bullShared,
    '@nestjs/common': common,
    '@nestjs/core': core,
  },
});
