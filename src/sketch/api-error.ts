/** An HTTP answer that is not the wanted one; `body` goes out as it is. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    readonly body: unknown,
    readonly headers: Record<string, string> = {},
  ) {
    super(`HTTP ${status}`);
  }
}

/** A1111's own exception handler answers in this shape. */
export function httpException(
  status: number,
  detail: string,
  headers: Record<string, string> = {},
): ApiError {
  return new ApiError(status, { error: 'HTTPException', detail, body: '', errors: '' }, headers);
}

export function pythonError(status: number, error: string, text: string): ApiError {
  return new ApiError(status, { error, detail: '', body: '', errors: text });
}

export const OUT_OF_MEMORY =
  'CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB total capacity; 6.71 GiB already allocated; 512.00 MiB free; 6.90 GiB reserved in total by PyTorch)';

export interface FieldProblem {
  loc: (string | number)[];
  msg: string;
  type: string;
}

/** FastAPI's answer to a request that does not fit its model. */
export function validationError(detail: FieldProblem[]): ApiError {
  return new ApiError(422, { detail });
}
