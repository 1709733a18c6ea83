import { z } from 'zod';

/** What `.env.example` says about a variable. */
export interface VariableNotes {
  description: string;
  example: string;
  /** Never printed, not even in an error. */
  secret?: boolean;
}

const notes = z.registry<VariableNotes>();

/** The schema that checks a variable, with what people are told about it. */
export function variable<T extends z.ZodType>(schema: T, about: VariableNotes): T {
  notes.add(schema, about);
  return schema;
}

/** @throws Error for a schema that {@link variable} did not make */
export function notesOf(schema: z.ZodType): VariableNotes {
  const found = notes.get(schema);
  if (found === undefined) throw new Error('A variable has no notes: make it with variable().');
  return found;
}

/** The checked values of some variables. */
export type Values<T extends z.ZodRawShape> = z.output<z.ZodObject<T>>;
