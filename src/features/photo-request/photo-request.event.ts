import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { generationFields, wishFields } from '../image-generation/generation-fields.js';
import { longestMessage } from '../image-generation/image-generation.tasks.js';
import { defineEvent } from '../pipelines/event-type.js';

/** Messages of a conversation that a picture may depend on. */
export const mostMessages = 20;

const text = (max: number) =>
  z.string().trim().min(1).max(max).refine(isStorable, 'contains a NUL or a broken character');

export const chatMessage = z.strictObject({
  role: z.enum(['user', 'character']),
  text: text(longestMessage),
});
export type ChatMessage = z.output<typeof chatMessage>;

const { width, height, steps, seed, model } = generationFields;

export const photoRequest = z
  .strictObject({
    chat_id: text(200).describe('Your name of the conversation.'),
    message: text(longestMessage).describe('What the user has asked for.'),
    character: z
      .strictObject({
        name: text(100),
        appearance: text(800).optional().describe('What the character looks like.'),
        style: text(300).optional().describe('Of the picture: `oil painting`.'),
        negative: text(800).optional().describe('What no picture of the character shows.'),
      })
      .describe('The card of the character.'),
    messages: z
      .array(chatMessage)
      .max(mostMessages)
      .default([])
      .describe('The last messages that Darkroom does not know, the oldest first.'),
    width,
    height,
    steps,
    seed,
    model,
    ...wishFields,
  })
  .meta({
    example: {
      chat_id: 'chat-17',
      message: 'Send me a picture of you on the pier!',
      character: { name: 'Mia', appearance: 'red hair, green eyes', style: 'watercolour' },
    },
  });
export type PhotoRequest = z.output<typeof photoRequest>;

export const photoRequestEvent = defineEvent({
  type: 'photo_request',
  description: 'A chat character is asked for a picture.',
  data: photoRequest,
});
