import { StandardSchemaValidationPipe, type PipeTransform } from '@nestjs/common';
import { InvalidFieldsError, NotFoundError, type FieldError } from '../../common/app-error.js';

const maxErrors = 50;
const maxPathLength = 200;

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** zod's, for unknown fields. */
  readonly keys?: readonly string[];
}

/**
 * Validates every `@Body({ schema })` and `@Query({ schema })`. What is wrong becomes a 422 that
 * names each field; a `z.strictObject` has its unknown fields named too.
 */
export function schemaPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => new InvalidFieldsError(fieldErrors(issues)),
  });
}

/** Issues of a schema as the API shows them. Values are never repeated. */
export function fieldErrors(issues: readonly Issue[]): FieldError[] {
  return issues
    .flatMap(({ path = [], message, keys }) => {
      const at = path.map((part) => String(typeof part === 'object' ? part.key : part));
      if (keys === undefined) return [{ path: at.join('.'), message }];
      return keys.map((key) => ({ path: [...at, key].join('.'), message: 'Unknown field' }));
    })
    .slice(0, maxErrors)
    .map((error) => ({ ...error, path: error.path.slice(0, maxPathLength) }));
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * For ids in a path: `@Param('id', new IdPipe('task'))`. Text that is not a UUID cannot name anything here, so the
 * response is the 404 of an unknown id.
 */
export class IdPipe implements PipeTransform<string, string> {
  constructor(private readonly what: string) {}

  transform(value: string): string {
    if (typeof value !== 'string' || !uuid.test(value)) throw new NotFoundError(this.what);
    return value.toLowerCase();
  }
}
