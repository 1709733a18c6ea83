import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { TaskGates, type TaskGate } from '../../tasks/workers/task-gates.js';
import { Spool } from '../stored-files/spool.js';
import { generateImageTask } from './image-generation.tasks.js';

/** Interval between two looks at the spool. Milliseconds. */
const lookMs = 5_000;

/**
 * Begins no picture in this process while the spool is full: the storage has been away for long. What was accepted
 * waits; what is being drawn is finished and kept, so the bound is passed by what is drawn within one look.
 */
@Injectable()
export class SpoolGate implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('Storage');
  private readonly gate: TaskGate;
  private timer: NodeJS.Timeout | undefined;
  private looking = false;
  private full = false;

  constructor(
    private readonly spool: Spool,
    gates: TaskGates,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'isChild' | 'spoolMaxBytes'>,
  ) {
    this.gate = gates.of(generateImageTask);
  }

  onApplicationBootstrap(): void {
    if (this.settings.isChild || this.settings.spoolMaxBytes === 0) return;
    this.timer = setInterval(() => void this.look(), lookMs);
    this.timer.unref();
    void this.look();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Never rejects; while the database is away, nothing changes. */
  async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      const { bytes } = await this.spool.size();
      this.become(bytes >= this.settings.spoolMaxBytes);
    } catch (error) {
      this.log.debug(`The spool could not be measured: ${messageOf(error)}`);
    } finally {
      this.looking = false;
    }
  }

  private become(full: boolean): void {
    if (full === this.full) return;
    this.full = full;
    if (full) {
      this.gate.shut('spool');
      this.log.warn('The spool is full (SPOOL_MAX_BYTES): no picture is begun until it has room.');
    } else {
      this.gate.open('spool');
      this.log.log('The spool has room again.');
    }
  }
}
