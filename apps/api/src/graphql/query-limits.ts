import { CommonplaceError } from '#kernel';
import {
  GraphQLError,
  Kind,
  type ASTVisitor,
  type FragmentDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';

/** What one operation may ask for, over HTTP and WebSocket alike. Tokens and bytes are bounded before, by the parser and the transport. */
export const QUERY_LIMITS = { depth: 10, aliases: 50, rootFields: 20, fields: 1_000, tokens: 10_000 } as const;
/** Lists of a memory's own: one inside the other would answer a hundred times a hundred for each memory of a page. */
const LISTS = ['derivedFrom', 'history'];

interface Cost {
  /** Fields of this very level, those in fragments too. */
  width: number;
  depth: number;
  aliases: number;
  fields: number;
  /** Names of the fields with fields of their own. */
  parents: Set<string>;
  /** A field that was selected below itself, such as derivedFrom { derivedFrom }: each level may multiply by a hundred. */
  repeated: string | undefined;
}

const nothing = (): Cost => ({ width: 0, depth: 0, aliases: 0, fields: 0, parents: new Set(), repeated: undefined });

function isNestedList(name: string, below: ReadonlySet<string>): boolean {
  return below.has(name) || (LISTS.includes(name) && LISTS.some((list) => below.has(list)));
}

/** A validation rule: how deep, how often renamed and how wide an operation is, with fragments counted where they are used. */
export function queryLimits(context: ValidationContext): ASTVisitor {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of context.getDocument().definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const costs = new Map<string, Cost>();

  function costOfFragment(name: string): Cost {
    const known = costs.get(name);
    if (known) return known;
    costs.set(name, nothing()); // A fragment that spreads itself is refused by another rule; here it must only end.
    const fragment = fragments.get(name);
    const cost = fragment ? costOfSet(fragment.selectionSet) : nothing();
    costs.set(name, cost);
    return cost;
  }

  function costOf(selection: SelectionNode): Cost {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return costOfFragment(selection.name.value);
    if (selection.kind === Kind.INLINE_FRAGMENT) return costOfSet(selection.selectionSet);
    const name = selection.name.value;
    const below = selection.selectionSet ? costOfSet(selection.selectionSet) : nothing();
    const counted = { width: 1, aliases: below.aliases + (selection.alias ? 1 : 0), fields: below.fields + 1 };
    // Introspection is deep and repeats itself by nature; graphql-js has a rule of its own against going round in it.
    if (name.startsWith('__')) return { ...nothing(), ...counted };
    return {
      ...counted,
      depth: below.depth + 1,
      parents: selection.selectionSet ? new Set([...below.parents, name]) : below.parents,
      repeated: below.repeated ?? (isNestedList(name, below.parents) ? name : undefined),
    };
  }

  function costOfSet(selections: SelectionSetNode): Cost {
    const sum = nothing();
    for (const part of selections.selections.map(costOf)) {
      sum.width += part.width;
      sum.depth = Math.max(sum.depth, part.depth);
      sum.aliases += part.aliases;
      sum.fields += part.fields;
      sum.repeated ??= part.repeated;
      for (const parent of part.parents) sum.parents.add(parent);
    }
    return sum;
  }

  return {
    OperationDefinition(operation) {
      // As the cause, for Apollo writes a code of its own over that of a validation rule.
      const refuse = (field: string, message: string) =>
        context.reportError(
          new GraphQLError(message, {
            nodes: operation,
            originalError: new CommonplaceError('BAD_INPUT', message, { field }),
          }),
        );
      const { width: rootFields, ...rest } = costOfSet(operation.selectionSet);
      const cost = { ...rest, rootFields };
      for (const measure of ['depth', 'aliases', 'rootFields', 'fields'] as const) {
        const most = QUERY_LIMITS[measure];
        if (cost[measure] > most)
          refuse(measure, `The operation has ${measure} ${cost[measure]}; at most ${most} are answered.`);
      }
      if (cost.repeated)
        refuse(
          cost.repeated,
          `The operation selects ${cost.repeated} below itself, or with such a list below it; ask for one level at a time.`,
        );
    },
  };
}

/** For HTTP, where nobody would hear the second event. */
export function noSubscription(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(operation) {
      if (operation.operation !== 'subscription') return;
      const message =
        'Subscriptions are taken over the WebSocket (graphql-transport-ws) or as text/event-stream at /graphql/stream.';
      context.reportError(
        new GraphQLError(message, { nodes: operation, originalError: new CommonplaceError('BAD_INPUT', message) }),
      );
    },
  };
}
