/** BENCH_SMOKE=1: everything tiny, to prove that the scripts run; the figures then mean nothing. */
export const smoke = process.env['BENCH_SMOKE'] === '1';

export function sized<T>(full: T, tiny: T): T {
  return smoke ? tiny : full;
}
