import { chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { countTasksTask, tellOperatorsTask, writeReportTask } from './usage-report.tasks.js';

/** Counts all days at once, then writes one report. */
export function usageReport(title: string, days: string[]) {
  const counts = group(...days.map((day) => si(countTasksTask, { day })));
  const report = s(writeReportTask, 'counts', { title });
  return chord(counts, report).linkError(s(tellOperatorsTask));
}
