import {
  BREAK,
  getOperationAST,
  getVariableValues,
  Kind,
  OperationTypeNode,
  parse,
  visit,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { compileQuery, isCompiledQuery, type CompiledQuery } from 'graphql-jit';

export interface OperationRequest {
  /** The text, which was validated and bounded before. */
  source: string;
  document: DocumentNode;
  operationName: string | undefined;
}

export type Run = (variables: Record<string, unknown>, contextValue: unknown) => Promise<ExecutionResult | null>;

/** Compiling takes milliseconds, which some fifty answers save again: what has not come often will not come so often. */
export const COMPILED_AT_SIGHT = 20;
const MAX_COMPILED = 300;
const MAX_SEEN = 3_000;
/** Nothing else is answered meanwhile: of so long a text it takes some tens of milliseconds. */
const MAX_SOURCE_LENGTH = 4_000;

/**
 * Operations that are sent again and again, compiled to code by graphql-jit. Whatever it cannot do as graphql-js does, or
 * should not be trusted with, is not compiled, and graphql-js answers it.
 */
export class CompiledOperations {
  /** How often the others were seen, oldest first. */
  private readonly seen = new Map<string, number>();
  /** Least recently used first; null for what is not to be compiled. */
  private readonly compiled = new Map<string, Run | null>();

  constructor(private readonly schema: GraphQLSchema) {}

  /** @returns what answers the operation, or null where graphql-js is to. */
  find(request: OperationRequest): Run | null {
    if (request.source.length > MAX_SOURCE_LENGTH) return null;
    const key = `${request.operationName ?? ''}\n${request.source}`;
    const known = this.compiled.get(key);
    if (known !== undefined) {
      this.compiled.delete(key);
      this.compiled.set(key, known);
      return known;
    }
    const times = (this.seen.get(key) ?? 0) + 1;
    if (times < COMPILED_AT_SIGHT) {
      keep(this.seen, key, times, MAX_SEEN);
      return null;
    }
    this.seen.delete(key);
    const run = this.compile(request);
    keep(this.compiled, key, run, MAX_COMPILED);
    return run;
  }

  private compile({ source, document, operationName }: OperationRequest): Run | null {
    if (!isCompilable(document, operationName)) return null;
    // A document of its own: the compiler writes notes of its own into it.
    const compiled = compileQuery(this.schema, parse(source), operationName, {
      disablingCapturingStackErrors: true,
      useExperimentalPathBasedSkipInclude: true,
    });
    const operation = getOperationAST(document, operationName);
    return operation && isCompiledQuery(compiled) ? this.runOf(compiled, operation) : null;
  }

  /**
   * Null where the variables are refused: nothing has run by then, and graphql-js says it in the words that clients know. It
   * is also the judge of them: the compiler takes a list for an input object.
   */
  private runOf({ query }: CompiledQuery, { variableDefinitions }: OperationDefinitionNode): Run {
    return async (variables, contextValue) => {
      if (getVariableValues(this.schema, variableDefinitions ?? [], variables, { maxErrors: 1 }).errors) return null;
      const result = await query(undefined, contextValue, variables);
      return 'data' in result ? result : null;
    };
  }
}

/**
 * The compiler writes the operation's text into code. Names are harmless, and so are numbers; a text is not (the compiler
 * takes some of them for marks of its own, behind which it writes code without quotes), and a query with texts in it is
 * another one the next time: clients that send the same again send variables. Names such as __proto__ mean something to
 * JavaScript, and introspection comes once a client.
 */
export function isCompilable(document: DocumentNode, operationName: string | undefined): boolean {
  const operation = getOperationAST(document, operationName);
  if (!operation || !isAnsweredAlike(operation)) return false;
  let harmless = true;
  const refuse = () => {
    harmless = false;
    return BREAK;
  };
  visit(document, {
    [Kind.STRING]: refuse,
    [Kind.OBJECT]: refuse,
    // Of two spreads of one fragment under two conditions the compiler minds only one.
    [Kind.FRAGMENT_SPREAD]: ({ directives }) => (directives?.length ? refuse() : undefined),
    [Kind.INLINE_FRAGMENT]: ({ directives }) => (directives?.length ? refuse() : undefined),
    Name: ({ value }) => (value.startsWith('__') && value !== '__typename' ? refuse() : undefined),
  });
  return harmless;
}

/** Of several mutations the compiler goes on behind one that failed; graphql-js does not, where nothing would be told of the others. */
function isAnsweredAlike({ operation, selectionSet: { selections } }: OperationDefinitionNode): boolean {
  if (operation === OperationTypeNode.QUERY) return true;
  return operation === OperationTypeNode.MUTATION && selections.length === 1 && selections[0]?.kind === Kind.FIELD;
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key);
  if (map.size >= most) map.delete(map.keys().next().value as string);
  map.set(key, value);
}
