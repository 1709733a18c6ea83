import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { EnginePool } from './engine-pool.js';

/** Interval between two looks at the engines. Milliseconds. */
const lookMs = 5_000;

/** Looks at the engines regularly, so that this process knows their state before it needs them. */
@Injectable()
export class EngineWatch implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly pool: EnginePool,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    // A child of a pool is one of many, and notices trouble when it draws.
    if (this.settings.isChild) return;
    this.timer = setInterval(() => void this.look(), lookMs);
    this.timer.unref();
    void this.look();
  }

  onModuleDestroy(): void {
    this.stop();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Resolves when the current look ends; at once when none is running. Never rejects. */
  async latest(): Promise<void> {
    await this.looking;
  }

  private async look(): Promise<void> {
    this.looking ??= this.pool.look().finally(() => (this.looking = undefined));
    await this.looking;
  }
}
