/** What the broker refused, with its code, or why it could not be asked: UNREACHABLE, TIMEOUT, BAD_ANSWER. */
export class CommonplaceFailure extends Error {
  override readonly name = 'CommonplaceFailure';

  constructor(
    /** Such as BAD_INPUT, FORBIDDEN, NOT_FOUND, CONFLICT, RATE_LIMITED. */
    readonly code: string,
    message: string,
    /** The input that was wrong, as a dotted path; and when another try makes sense. */
    readonly details: { field?: string; retryAfterMs?: number } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An error as GraphQL has it. */
export interface ToldError {
  message: string;
  extensions?: Record<string, unknown> | undefined;
}

export function failureFrom([first]: readonly ToldError[]): CommonplaceFailure {
  const { code, field, retryAfterMs } = first?.extensions ?? {};
  return new CommonplaceFailure(
    typeof code === 'string' ? code : 'BAD_ANSWER',
    first?.message ?? 'no reason was given',
    {
      ...(typeof field === 'string' && { field }),
      ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    },
  );
}
