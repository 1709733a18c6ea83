import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { emailAddress } from '../email/email-address.js';
import { language } from '../email/languages.js';
import type { Tokens } from './logins.js';

const shortest = 12;

const newPassword = z
  .string()
  .min(shortest, `has fewer than ${shortest} characters`)
  .max(200)
  .refine(isStorable, 'contains a NUL or a broken character')
  .describe(`At least ${shortest} characters, whichever you like.`);
const givenPassword = z.string().min(1).max(200);
const linkToken = z.string().max(200).describe('What the link in the mail has after the `=`.');
const refreshToken = z.string().max(200);

export const registerRequest = z
  .strictObject({
    email: emailAddress,
    password: newPassword,
    language: language.optional().describe('Of mails. Default: as `Accept-Language` says.'),
  })
  .meta({ example: { email: 'ann@example.com', password: 'correct horse battery' } });
export type RegisterRequest = z.output<typeof registerRequest>;

export const registerAnswer = z.strictObject({
  message: z.string(),
  task_id: z.uuid().describe('The task that sends the mail; it exists within moments.'),
});
export type RegisterAnswer = z.output<typeof registerAnswer>;

export const verifyRequest = z
  .strictObject({ token: linkToken })
  .meta({ example: { token: '0198c2f05b1e7c3a9f002d1e8a7b6c54.…' } });
export type VerifyRequest = z.output<typeof verifyRequest>;

export const verifyAnswer = z.strictObject({ id: z.uuid(), email: z.string() });
export type VerifyAnswer = z.output<typeof verifyAnswer>;

export const forgotRequest = z
  .strictObject({ email: emailAddress })
  .meta({ example: { email: 'ann@example.com' } });
export type ForgotRequest = z.output<typeof forgotRequest>;

export const messageAnswer = z.strictObject({ message: z.string() });
export type MessageAnswer = z.output<typeof messageAnswer>;

export const resetRequest = z.strictObject({ token: linkToken, password: newPassword }).meta({
  example: { token: '0198c2f05b1e7c3a9f002d1e8a7b6c54.…', password: 'tr0ubador and three' },
});
export type ResetRequest = z.output<typeof resetRequest>;

export const changePasswordRequest = z
  .strictObject({ current_password: givenPassword, password: newPassword })
  .meta({
    example: { current_password: 'correct horse battery', password: 'tr0ubador and three' },
  });
export type ChangePasswordRequest = z.output<typeof changePasswordRequest>;

export const deleteMeRequest = z
  .strictObject({
    password: givenPassword.optional().describe('Needed if you have one.'),
  })
  .default({})
  .meta({ example: { password: 'correct horse battery' } });
export type DeleteMeRequest = z.output<typeof deleteMeRequest>;

export const deletedAnswer = z.strictObject({
  message: z.string(),
  task_id: z.uuid().describe('The task that deletes pictures and tasks.'),
});
export type DeletedAnswer = z.output<typeof deletedAnswer>;

export const loginRequest = z
  .strictObject({ email: emailAddress, password: givenPassword })
  .meta({ example: { email: 'ann@example.com', password: 'correct horse battery' } });
export type LoginRequest = z.output<typeof loginRequest>;

export const refreshRequest = z
  .strictObject({ refresh_token: refreshToken })
  .meta({ example: { refresh_token: 'vZ0…' } });
export type RefreshRequest = z.output<typeof refreshRequest>;

export const tokens = z.strictObject({
  access_token: z.string().describe('For `Authorization: Bearer …`.'),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds that the access token is valid.'),
  refresh_token: z.string().describe('For the next access token. It can be used once.'),
});
export type TokensAnswer = z.output<typeof tokens>;

export function tokensOf({ accessToken, expiresIn, refreshToken: refresh }: Tokens): TokensAnswer {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: expiresIn,
    refresh_token: refresh,
  };
}
