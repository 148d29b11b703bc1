import { CommonplaceError, newId, type ErrorCode } from '#kernel';
import {
  GraphQLError,
  isValueNode,
  Kind,
  parse,
  visit,
  type GraphQLFormattedError,
  type Location,
  type ValueNode,
} from 'graphql';

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
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: { code, ...details, http: { status: httpStatus(code) } },
  });
}

export type ReportError = (code: string, error: unknown, reference?: string) => void;

/**
 * What a client sees of a failure: code, message, and the place. Nothing else leaves the house: what is no failure of ours
 * to tell is INTERNAL, with a reference under which it stands in the log whole.
 */
export function formatError(
  formatted: GraphQLFormattedError,
  raw: unknown,
  report: ReportError,
): GraphQLFormattedError {
  const cause = causeOf(raw);
  const place = {
    ...(formatted.locations && { locations: formatted.locations }),
    ...(formatted.path && { path: formatted.path }),
  };
  if (cause instanceof CommonplaceError) {
    const given = refusedPlace(formatted.message) ?? literalPlace(raw);
    const field = given ? `${given}${cause.details.field?.replace(/^[^.]*/, '') ?? ''}` : cause.details.field;
    report(cause.code, cause.code === 'INTERNAL' ? cause : undefined);
    return {
      message: given ? `${field}: ${withoutField(cause)}` : cause.message,
      ...place,
      extensions: { code: cause.code, ...cause.details, ...(field && { field }) },
    };
  }
  const code = formatted.extensions?.['code'];
  if (code === 'BAD_USER_INPUT' || (cause instanceof GraphQLError && REFUSED.test(formatted.message))) {
    report('BAD_INPUT', undefined);
    const field = refusedPlace(formatted.message);
    return {
      message: shorten(formatted.message),
      ...place,
      extensions: { code: 'BAD_INPUT', ...(field && { field }) },
    };
  }
  if (typeof code === 'string' && code !== 'INTERNAL_SERVER_ERROR') {
    report(code, undefined);
    const field = formatted.extensions?.['field'];
    return {
      message: shorten(formatted.message),
      ...place,
      extensions: { code, ...(typeof field === 'string' && { field }) },
    };
  }
  const reference = newId();
  report('INTERNAL', cause, reference);
  return {
    message: `Something went wrong here, and not on your side. The log has it under ${reference}.`,
    ...place,
    extensions: { code: 'INTERNAL', reference },
  };
}

function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

/** What graphql-js says of a value that it, or one of our scalars, refused. */
const REFUSED = /^(?:Variable "\$(?<variable>\w+)" |Argument "(?<argument>\w+)" has invalid value )/;

/**
 * Where it was, as a dotted path: `Variable "$input" got invalid value … at "input.labels[1]"; …` is input.labels.1, and a
 * field that is missing or unknown there is named too.
 */
function refusedPlace(message: string): string | undefined {
  const groups = REFUSED.exec(message)?.groups;
  if (!groups) return undefined;
  // The message repeats what the client sent, without a bound: only its end is looked at, and no pattern runs back over it.
  const end = message.slice(-1_000);
  const from = end.lastIndexOf(' at "');
  const below = from < 0 ? undefined : /^[\w.[\]]{1,200}(?="; )/.exec(end.slice(from + 5))?.[0];
  const place = below?.replace(/\[(\d+)\]/g, '.$1') ?? groups['variable'] ?? groups['argument'];
  const name = /^; Field "(\w{1,100})" (?:of required type|is not defined)/.exec(
    end.slice(Math.max(0, end.lastIndexOf('; Field "'))),
  )?.[1];
  return name ? `${place}.${name}` : place;
}

/** The same for a value that stands in the text of the query. */
function literalPlace(error: unknown): string | undefined {
  const node = error instanceof GraphQLError ? error.nodes?.[0] : undefined;
  if (!node?.loc || !isValueNode(node)) return undefined;
  const refused = node.loc;
  let place: string | undefined;
  visit(parse(refused.source.body), {
    Argument: ({ name, value }) => {
      place ??= placeWithin(value, name.value, refused);
    },
  });
  return place;
}

function placeWithin(value: ValueNode, place: string, refused: Location): string | undefined {
  if (value.loc?.start === refused.start && value.loc.end === refused.end) return place;
  const below =
    value.kind === Kind.OBJECT
      ? value.fields.map((field) => [field.name.value, field.value] as const)
      : value.kind === Kind.LIST
        ? value.values.map((item, index) => [String(index), item] as const)
        : [];
  for (const [name, inner] of below) {
    const found = placeWithin(inner, `${place}.${name}`, refused);
    if (found) return found;
  }
  return undefined;
}

function withoutField(error: CommonplaceError): string {
  const { field } = error.details;
  return field && error.message.startsWith(`${field}: `) ? error.message.slice(field.length + 2) : error.message;
}

/** graphql-js repeats the refused value: a large one helps nobody. */
function shorten(message: string): string {
  return message.length > 500 ? `${message.slice(0, 300)} … ${message.slice(-190)}` : message;
}
