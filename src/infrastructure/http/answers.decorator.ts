import { ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';

/** Documents a success response: its status, its schema and a short description. */
export function Answers(status: number, schema: z.ZodType, description = 'OK') {
  return ApiResponse({ status, standardSchema: schema, description });
}
