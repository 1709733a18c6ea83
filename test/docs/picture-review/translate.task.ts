import { z } from 'zod';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';

/** Translates a text into English. */
export const translateTask = defineTask({
  name: 'translate_text',
  queue: 'low_priority',
  payload: z.strictObject({ text: z.string() }),
  result: z.strictObject({ text: z.string() }),
});
