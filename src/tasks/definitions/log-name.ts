/** How log lines name a task, as in Celery's log. `darkroom logs` parses this form. */
export function logName({ name, id }: { name: string; id: string }): string {
  return `Task ${name}[${id}]`;
}
