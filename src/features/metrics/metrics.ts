import { Inject, Injectable } from '@nestjs/common';
import {
  Counter,
  Gauge,
  Histogram,
  Registry,
  type CounterConfiguration,
  type GaugeConfiguration,
  type HistogramConfiguration,
} from 'prom-client';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { nodeMetrics } from './node-metrics.js';

/** The numbers of this process. Whoever has some makes them here. */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  /** Whether anybody can read them. If not, nothing needs to be counted. */
  readonly isOn: boolean;

  constructor(@Inject(SETTINGS) settings: Pick<Settings, 'metricsPort' | 'isChild'>) {
    this.isOn = settings.metricsPort !== undefined && !settings.isChild;
    if (this.isOn) nodeMetrics();
  }

  counter<L extends string>(configuration: CounterConfiguration<L>): Counter<L> {
    return new Counter({ ...configuration, registers: [this.registry] });
  }

  gauge<L extends string>(configuration: GaugeConfiguration<L>): Gauge<L> {
    return new Gauge({ ...configuration, registers: [this.registry] });
  }

  histogram<L extends string>(configuration: HistogramConfiguration<L>): Histogram<L> {
    return new Histogram({ ...configuration, registers: [this.registry] });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** In the text format of Prometheus. */
  text(): Promise<string> {
    return Registry.merge([this.registry, nodeMetrics()]).metrics();
  }
}
