import { HeaderMap, type ApolloServerPlugin, type GraphQLRequestListener } from '@apollo/server';
import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import { CompiledOperations } from './compiled-operations.js';
import type { RequestContext } from './context.js';

/** Answers operations that are compiled; Apollo executes the others, and has parsed and validated them all before. */
export function compiledAnswers(
  format: (error: GraphQLError) => GraphQLFormattedError,
): ApolloServerPlugin<RequestContext> {
  let operations: CompiledOperations;
  const listener: GraphQLRequestListener<RequestContext> = {
    async responseForOperation({ source, document, request, contextValue }) {
      const run = operations.find({ source, document, operationName: request.operationName });
      const result = run && (await run(request.variables ?? {}, contextValue));
      if (!result) return null;
      const { data, errors } = result;
      const singleResult = errors ? { data, errors: errors.map(format) } : { data };
      return { http: { headers: new HeaderMap() }, body: { kind: 'single', singleResult } };
    },
  };
  return {
    async serverWillStart({ schema }) {
      operations = new CompiledOperations(schema);
    },
    requestDidStart: async () => listener,
  };
}
