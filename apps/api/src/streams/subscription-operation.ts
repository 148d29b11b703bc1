import {
  GraphQLError,
  Kind,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLSchema,
} from 'graphql';
import { QUERY_LIMITS, queryLimits } from '../graphql/query-limits.js';

const RULES = [...specifiedRules, queryLimits];
/** Thousands of subscribers send the same few texts. */
const MAX_KNOWN = 500;
const MAX_KNOWN_LENGTH = 10_000;

export interface OperationRequest {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
}

/** What Apollo does for HTTP: parse within bounds, validate with the limits; and refuse what is no subscription. */
export class SubscriptionOperations {
  private readonly known = new Map<string, DocumentNode>();

  constructor(private readonly schema: GraphQLSchema) {}

  read({ query, operationName, variables }: OperationRequest): ExecutionArgs | GraphQLError[] {
    const document = this.known.get(query) ?? this.parse(query);
    if (Array.isArray(document)) return document;
    const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
    const operation = operations.find((one) => !operationName || one.name?.value === operationName);
    if (operation?.operation !== 'subscription') {
      return [
        refusal('BAD_INPUT', 'Only subscriptions are taken here; send queries and mutations by HTTP POST to /graphql.'),
      ];
    }
    return { schema: this.schema, document, operationName, variableValues: variables };
  }

  private parse(query: string): DocumentNode | GraphQLError[] {
    let document;
    try {
      document = parse(query, { maxTokens: QUERY_LIMITS.tokens });
    } catch (error) {
      return [withCode(asGraphQLError(error), 'GRAPHQL_PARSE_FAILED')];
    }
    const errors = validate(this.schema, document, RULES);
    if (errors.length) return errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    if (query.length <= MAX_KNOWN_LENGTH) this.known.set(query, document);
    return document;
  }
}

export function refusal(code: string, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

export function asGraphQLError(error: unknown): GraphQLError {
  return error instanceof GraphQLError ? error : new GraphQLError('', { originalError: error as Error });
}

function withCode(error: GraphQLError, code: string): GraphQLError {
  if (error.extensions['code']) return error;
  return new GraphQLError(error.message, {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    originalError: error.originalError,
    extensions: { code },
  });
}
