import { GrantsChanged, type Principal } from '#access';
import type { FeedEvent, Shape } from '#feed';
import { CommonplaceError } from '#kernel';
import {
  execute,
  type GraphQLError,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLSchema,
} from 'graphql';
import type { ContextFactory, RequestContext } from '../graphql/context.js';
import type { MemoryEventModel } from '../graphql/memory.model.js';

/** Fields that say the same to all who see alike. What is selected beside them is asked for each principal by itself. */
const COMMON: Record<string, readonly string[]> = {
  Subscription: ['memoryFeed'],
  MemoryEvent: ['id', 'kind', 'cursor', 'at', 'memory', 'memoryId', 'poolKey', 'policyVersion'],
  Memory: [
    ...[
      'id',
      'pool',
      'type',
      'status',
      'content',
      'entityId',
      'sessionId',
      'speaker',
      'importance',
      'labels',
      'metadata',
    ],
    ...['author', 'maskedFields', 'version', 'createdAt', 'updatedAt', 'validFrom', 'validTo', 'expiresAt', 'reviewed'],
    ...['indexed', 'recallCount', 'lastRecalledAt'],
  ],
  MemoryReview: ['approved', 'reviewer', 'at', 'comment'],
  Principal: ['id', 'kind', 'name', 'role'],
  Pool: ['id', 'key', 'kind', 'description', 'role', 'createdAt'],
};
const MAX_KNOWN = 500;
const MAX_KNOWN_LENGTH = 10_000;

/** A subscription's selection, without what only says where to begin and what to leave out. */
interface Selection {
  document: DocumentNode;
  text: string;
  variables: readonly string[];
  personal: boolean;
}

export interface ShapeOptions {
  schema: GraphQLSchema;
  contexts: ContextFactory;
  present: (event: FeedEvent) => Promise<MemoryEventModel>;
  formatError: (error: GraphQLError) => GraphQLError;
}

/** From an operation to the words that its subscribers are told: a GraphQL result as JSON. */
export class Shapes {
  private readonly selections = new WeakMap<DocumentNode, Selection>();
  private readonly byText = new Map<string, Selection>();
  private readonly shapes = new Map<string, Shape<string>>();
  private readonly presented = new WeakMap<FeedEvent, Promise<MemoryEventModel>>();

  constructor(private readonly options: ShapeOptions) {}

  /** The same for operations that select the same: subscribers keep it as long as they live. */
  of(args: ExecutionArgs): Shape<string> {
    const selection = this.selectionOf(args.document);
    const values = args.variableValues ?? {};
    const variables = Object.fromEntries(selection.variables.map((name) => [name, values[name]]));
    const { operationName } = args;
    const key = JSON.stringify([selection.text, operationName, variables]);
    const known = this.shapes.get(key);
    if (known) return known;
    const contexts = new WeakMap<Principal, RequestContext>();
    const shape: Shape<string> = {
      key,
      personal: selection.personal,
      render: async (event, as) => {
        // What it may load is bounded for each event, and not for all of a page together.
        const contextValue = (selection.personal ? undefined : contexts.get(as)) ?? this.options.contexts.create(as);
        if (!selection.personal) contexts.set(as, contextValue);
        const rootValue = await this.model(event);
        const operation = { schema: this.options.schema, document: selection.document, operationName };
        return this.toJson(await execute({ ...operation, variableValues: variables, contextValue, rootValue }));
      },
    };
    if (this.shapes.size >= MAX_KNOWN) this.shapes.clear();
    if (key.length <= MAX_KNOWN_LENGTH) this.shapes.set(key, shape);
    return shape;
  }

  private toJson({ data, errors }: Awaited<ReturnType<typeof execute>>): string {
    for (const error of errors ?? []) throwIfPassing(error);
    if (!errors) return JSON.stringify({ data });
    return JSON.stringify({ errors: errors.map((error) => this.options.formatError(error)), data });
  }

  /** Once an event, for all the selections from it. */
  private model(event: FeedEvent): Promise<MemoryEventModel> {
    let model = this.presented.get(event);
    if (!model) this.presented.set(event, (model = this.options.present(event)));
    return model;
  }

  private selectionOf(document: DocumentNode): Selection {
    let selection = this.selections.get(document);
    if (!selection) {
      selection = selectionOf(document, this.options.schema);
      // One document for the same text: subscribers that differ in where they begin share it.
      const same = this.byText.get(selection.text);
      if (!same && this.byText.size >= MAX_KNOWN) this.byText.clear();
      if (same) selection = same;
      else if (selection.text.length <= MAX_KNOWN_LENGTH) this.byText.set(selection.text, selection);
      this.selections.set(document, selection);
    }
    return selection;
  }
}

/** What says nothing of the event: it is read again, and told when it is whole. */
function throwIfPassing({ originalError: cause }: GraphQLError): void {
  if (!(cause instanceof CommonplaceError)) return;
  // Whoever was asked on behalf of has lost its key meanwhile; the others have not.
  if (cause.code === 'UNAUTHENTICATED') throw new GrantsChanged();
  if (cause.code === 'UNAVAILABLE') throw cause;
}

function selectionOf(document: DocumentNode, schema: GraphQLSchema): Selection {
  const types = new TypeInfo(schema);
  const variables = new Set<string>();
  let personal = false;
  const withoutInput = visit(
    document,
    visitWithTypeInfo(types, {
      Field(field) {
        const parent = types.getParentType();
        if (parent && !isCommon(parent.name, field.name.value)) personal = true;
        return parent === schema.getSubscriptionType() ? { ...field, arguments: [] } : undefined;
      },
    }),
  );
  visit(withoutInput, {
    VariableDefinition: () => false,
    Variable: ({ name }) => void variables.add(name.value),
  });
  const stripped = visit(withoutInput, {
    VariableDefinition: ({ variable }) => (variables.has(variable.name.value) ? false : null),
  });
  return { document: stripped, text: print(stripped), variables: [...variables], personal };
}

function isCommon(type: string, field: string): boolean {
  return field === '__typename' || (COMMON[type]?.includes(field) ?? false);
}
