/** The value below which `percent` of the values lie; NaN without any. */
export function percentile(values: number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}

export function median(values: number[]): number {
  return percentile(values, 50);
}

/** `p50 / p99`, milliseconds. */
export function p50p99(values: number[]): [p50: number, p99: number] {
  return [percentile(values, 50), percentile(values, 99)];
}

export function perSecond(count: number, milliseconds: number): number {
  return (count * 1000) / milliseconds;
}
