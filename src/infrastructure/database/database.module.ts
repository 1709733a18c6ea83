import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { dataSourceOptions } from './data-source.js';

@Module({})
export class DatabaseModule {
  /** @param entities every entity the process reads */
  static with(entities: (new () => object)[]): DynamicModule {
    return TypeOrmModule.forRootAsync({
      inject: [SETTINGS],
      useFactory: (settings: Settings) => ({
        ...dataSourceOptions({
          url: settings.databaseUrl,
          poolSize: settings.databasePoolSize,
          entities,
        }),
        // A process may start before its database and waits for it, a minute at most.
        retryAttempts: 30,
        retryDelay: 2_000,
      }),
    });
  }
}
