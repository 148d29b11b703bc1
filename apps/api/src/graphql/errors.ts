import { CommonplaceError, newId, type ErrorCode } from '#kernel';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';

/** The HTTP status where the whole request failed with the code; a failed field stays 200, as GraphQL has it. */
export function httpStatus(code: ErrorCode): number {
  switch (code) {
    case 'UNAUTHENTICATED':
      return 401;
    case 'FORBIDDEN':
    case 'ACCESS_REVOKED':
      return 403;
    case 'NOT_FOUND':
      return 404;
    case 'BAD_INPUT':
      return 400;
    case 'CONFLICT':
    case 'CURSOR_EXPIRED':
      return 409;
    case 'RATE_LIMITED':
    case 'QUOTA_EXCEEDED':
      return 429;
    case 'UNAVAILABLE':
      return 503;
    case 'INTERNAL':
      return 500;
  }
}

/** For what fails before there is a field to fail. */
export function requestError(error: unknown): GraphQLError {
  if (!(error instanceof CommonplaceError)) throw error;
  const { code, details } = error;
  return new GraphQLError(error.message, { originalError: error, extensions: { code, ...details, http: { status: httpStatus(code) } } });
}

export type ReportError = (code: string, error: unknown, reference?: string) => void;

/**
 * What a client sees of a failure: code, message, and the place. Nothing else leaves the house: what is no failure of ours
 * to tell is INTERNAL, with a reference under which it stands in the log whole.
 */
export function formatError(formatted: GraphQLFormattedError, raw: unknown, report: ReportError): GraphQLFormattedError {
  const cause = causeOf(raw);
  const place = { ...(formatted.locations && { locations: formatted.locations }), ...(formatted.path && { path: formatted.path }) };
  if (cause instanceof CommonplaceError) {
    const given = givenPath(formatted.message);
    const field = given ? `${given}${cause.details.field?.replace(/^[^.]*/, '') ?? ''}` : cause.details.field;
    report(cause.code, cause.code === 'INTERNAL' ? cause : undefined);
    return { message: given ? `${field}: ${withoutField(cause)}` : cause.message, ...place, extensions: { code: cause.code, ...cause.details, ...(field && { field }) } };
  }
  const code = formatted.extensions?.['code'];
  if (code === 'BAD_USER_INPUT') {
    report('BAD_INPUT', undefined);
    const field = givenPath(formatted.message) ?? formatted.message.match(/^Variable "\$(\w+)"/)?.[1];
    return { message: shorten(formatted.message), ...place, extensions: { code: 'BAD_INPUT', ...(field && { field }) } };
  }
  if (typeof code === 'string' && code !== 'INTERNAL_SERVER_ERROR') {
    report(code, undefined);
    return { message: shorten(formatted.message), ...place, extensions: { code } };
  }
  const reference = newId();
  report('INTERNAL', cause, reference);
  return { message: `Something went wrong here, and not on your side. The log has it under ${reference}.`, ...place, extensions: { code: 'INTERNAL', reference } };
}

function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

/** graphql-js tells where in a variable a value was wrong: `Variable "$input" got invalid value … at "input.metadata"; …`. */
function givenPath(message: string): string | undefined {
  return /^Variable "\$\w+" got invalid value [\s\S]* at "([^"]+)"; /.exec(message)?.[1];
}

function withoutField(error: CommonplaceError): string {
  const { field } = error.details;
  return field && error.message.startsWith(`${field}: `) ? error.message.slice(field.length + 2) : error.message;
}

/** graphql-js repeats the refused value: a large one helps nobody. */
function shorten(message: string): string {
  return message.length > 500 ? `${message.slice(0, 300)} … ${message.slice(-190)}` : message;
}
