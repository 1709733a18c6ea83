import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { ProcessModule } from '../../tasks/process/process.module.js';
import { ProcessNews } from '../../tasks/process/process-news.js';
import { EnginePool } from './engine-pool.js';
import { engineUseTopic } from './engine-use.js';
import { EngineWatch } from './engine-watch.js';
import { A1111Engine } from './engines/a1111-engine.js';

/** The image servers, as this process sees them. Its API and its worker share this module. */
@Module({
  imports: [ProcessModule],
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
export class EnginesModule {
  constructor(pool: EnginePool, news: ProcessNews) {
    pool.onUse((use) => news.tell(engineUseTopic, { ...use }));
  }
}
