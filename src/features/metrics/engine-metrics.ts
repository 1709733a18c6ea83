import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ProcessNews } from '../../tasks/process/process-news.js';
import { EnginePool } from '../image-generation/engine-pool.js';
import { engineUseTopic, type EngineUse } from '../image-generation/engine-use.js';
import { Metrics } from './metrics.js';

/** Upper ends of the classes, in seconds. */
const buckets = [0.5, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60, 120, 300];

/** Counts what this process and its children ask of the image servers, which have numbers instead of addresses. */
@Injectable()
export class EngineMetrics implements OnModuleInit {
  private readonly calls;
  private readonly seconds;
  private readonly pictures;
  private readonly pictureSeconds;

  constructor(
    private readonly metrics: Metrics,
    private readonly news: ProcessNews,
    pool: EnginePool,
  ) {
    const labelNames = ['backend'] as const;
    this.calls = metrics.counter({
      name: 'darkroom_engine_calls_total',
      help: 'Calls to an image server that have ended, by outcome. Servers are numbered as in SD_API_URLS.',
      labelNames: ['backend', 'outcome'],
    });
    this.seconds = metrics.counter({
      name: 'darkroom_engine_busy_seconds_total',
      help: 'Seconds in which an image server had a request of this worker, added up when each ends.',
      labelNames,
    });
    this.pictures = metrics.counter({
      name: 'darkroom_engine_pictures_total',
      help: 'Pictures that an image server has made for this worker.',
      labelNames,
    });
    this.pictureSeconds = metrics.histogram({
      name: 'darkroom_engine_picture_seconds',
      help: 'Seconds for each picture; those of one request share its time.',
      labelNames,
      buckets,
    });
    metrics.gauge({
      name: 'darkroom_engine_up',
      help: '1: the image server answered the last look of this process.',
      labelNames,
      collect() {
        pool.answering.forEach((up, i) => this.set({ backend: i + 1 }, Number(up)));
      },
    });
  }

  onModuleInit(): void {
    if (!this.metrics.isOn) return;
    this.news.on(engineUseTopic, (use) => this.used(use as unknown as EngineUse));
  }

  private used({ backend, outcome, pictures, seconds }: EngineUse): void {
    this.calls.inc({ backend, outcome });
    if (seconds === null) return;
    this.seconds.inc({ backend }, seconds);
    if (pictures === 0) return;
    this.pictures.inc({ backend }, pictures);
    for (let i = 0; i < pictures; i++) this.pictureSeconds.observe({ backend }, seconds / pictures);
  }
}
