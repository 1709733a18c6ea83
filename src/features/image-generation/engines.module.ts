import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { EnginePool } from './engine-pool.js';
import { EngineWatch } from './engine-watch.js';
import { A1111Engine } from './engines/a1111-engine.js';

/** The image servers, as this process sees them. Its API and its worker share this module. */
@Module({
  providers: [
    EngineWatch,
    {
      provide: EnginePool,
      inject: [SETTINGS],
      useFactory: (settings: Settings) =>
        new EnginePool(
          settings.engineUrls.map((url) => new A1111Engine(url, settings.engineRequestsInFlight)),
        ),
    },
  ],
  exports: [EnginePool, EngineWatch],
})
export class EnginesModule {}
