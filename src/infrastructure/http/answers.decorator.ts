import { ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';

/** Documents a success answer: its status, its schema and a word about it. */
export function Answers(status: number, schema: z.ZodType, description = 'OK') {
  return ApiResponse({ status, standardSchema: schema, description });
}
