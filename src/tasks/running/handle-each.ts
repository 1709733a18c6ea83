import { Completion, type TaskContext } from '../definitions/task-context.js';
import type { RegisteredTask } from '../definitions/task-registry.js';

/**
 * Runs a `map` task: calls the handler for one payload after the other. The rows of all answers are written
 * in one transaction at the end.
 */
export async function handleEach(
  { handler }: RegisteredTask,
  payloads: unknown[],
  context: TaskContext,
): Promise<Completion<unknown[]>> {
  const answers: unknown[] = [];
  for (const [i, payload] of payloads.entries()) {
    context.signal.throwIfAborted();
    answers.push(await handler(payload, context));
    context.progress({
      percent: Math.floor(((i + 1) * 100) / payloads.length),
      step: i + 1,
      steps: payloads.length,
    });
  }
  return new Completion(async (tx) => {
    const results: unknown[] = [];
    for (const answer of answers) {
      results.push(answer instanceof Completion ? await answer.write(tx) : answer);
    }
    return results;
  });
}
