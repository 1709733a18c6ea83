import { median } from './figures.js';
import type { Row } from './table.js';

/** Values of each figure, one a round; the table shows their medians. */
export class Samples {
  private readonly values = new Map<string, number[]>();

  note(figures: Record<string, number>): void {
    for (const [name, value] of Object.entries(figures)) {
      this.values.set(name, [...(this.values.get(name) ?? []), value]);
    }
  }

  median(name: string): number {
    return median(this.values.get(name) ?? []);
  }

  /** Makes rows of a table from what was noted. */
  static rows(postgres: Samples, redis: Samples, baseline?: Samples) {
    return (figure: string, name: string, unit: Row['unit'], target?: string): Row => ({
      figure,
      unit,
      target,
      baseline: baseline?.median(name),
      postgres: postgres.median(name),
      redis: redis.median(name),
    });
  }
}
