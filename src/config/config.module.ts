import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { Environment } from './environment.js';

/** Injection token of the checked {@link Settings}. */
export const SETTINGS = Symbol('SETTINGS');

/** All settings of a process, with every value decided; `standalone` fills in those that were not set. */
export interface Settings extends Environment {
  databaseUrl: string;
  shutdownGraceMs: number;
  /** Program of a child of the process pool: a file that calls `runChild`. */
  childProgram: string;
  /**
   * True in such a child. It runs what its parent hands it and starts nothing by itself: no queue
   * worker, no reconciler, no schedule.
   */
  isChild: boolean;
}

@Global()
@Module({})
export class ConfigModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: ConfigModule,
      providers: [{ provide: SETTINGS, useValue: settings }],
      exports: [SETTINGS],
    };
  }
}
