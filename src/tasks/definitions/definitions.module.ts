import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TaskRegistry } from './task-registry.js';

/** The registry of the handlers that this process has. */
@Module({ imports: [DiscoveryModule], providers: [TaskRegistry], exports: [TaskRegistry] })
export class DefinitionsModule {}
