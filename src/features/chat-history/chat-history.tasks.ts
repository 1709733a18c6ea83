import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { defineTask } from '../../tasks/definitions/task-definition.js';

const text = (max: number) =>
  z.string().min(1).max(max).refine(isStorable, 'contains a NUL or a broken character');

/** A generation that is over: prompt, pictures and outcome are read from its task. */
const ofTask = z.strictObject({ task_id: z.uuid() });

/** A message that is no generation, as callers of the original task have it. */
const ofCaller = z
  .strictObject({
    /** The client's name of the conversation; without it, the one with the character. */
    chat_id: text(200).optional(),
    character_name: text(200).optional(),
    /** Default: the owner of the task. */
    user_id: z.uuid().optional(),
    user_message: text(10_000),
    bot_response: text(20_000).optional(),
    image_ids: z.array(z.uuid()).max(100).default([]),
  })
  .refine(
    ({ chat_id, character_name }) => chat_id !== undefined || character_name !== undefined,
    'needs a chat_id or a character_name',
  );
export type CallersMessage = z.output<typeof ofCaller>;

/** Saves one message. @returns the conversation; null when there was nothing to save */
export const saveChatHistoryTask = defineTask({
  name: 'save_chat_history_task',
  queue: 'low_priority',
  chore: true,
  payload: z.union([ofTask, ofCaller]),
  result: z.strictObject({ id: z.uuid(), chat_id: z.string().nullable() }).nullable(),
});
