import {
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import type { Random } from './random-numbers.js';

export interface RandomOperation {
  source: string;
  variables: Record<string, unknown>;
}

const DEPTH = 4;

/** An operation that the schema allows, with variables of which some are missing or wrong. */
export class RandomOperations {
  constructor(
    private readonly schema: GraphQLSchema,
    private readonly random: Random,
  ) {}

  next(kind: 'query' | 'mutation'): RandomOperation {
    return new Writing(this.schema, this.random).operation(kind);
  }
}

class Writing {
  private readonly definitions: string[] = [];
  private readonly fragments: string[] = [];
  private readonly variables: Record<string, unknown> = {};
  private count = 0;

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly random: Random,
  ) {}

  operation(kind: 'query' | 'mutation'): RandomOperation {
    const root = kind === 'query' ? this.schema.getQueryType() : this.schema.getMutationType();
    const selection = this.rootSelection(root as GraphQLObjectType, kind);
    const variables = this.definitions.length ? `(${this.definitions.join(', ')})` : '';
    const source = [`${kind} Random${variables} ${selection}`, ...this.fragments].join('\n');
    return { source, variables: this.variables };
  }

  /** Mostly one mutation, as they are sent. */
  private rootSelection(root: GraphQLObjectType, kind: 'query' | 'mutation'): string {
    if (kind === 'query' || this.random.below(10) === 0) return this.selection(root, 0);
    return `{ ${this.field(this.random.one(Object.values(root.getFields())), 0)} }`;
  }

  private selection(type: GraphQLObjectType, depth: number): string {
    const fields = Object.values(type.getFields()).filter(
      (field) => depth < DEPTH || !isCompositeType(getNamedType(field.type)),
    );
    if (fields.length === 0) return '{ __typename }';
    const chosen = Array.from({ length: 1 + this.random.below(depth === 0 ? 3 : 7) }, () =>
      this.part(type, this.random.one(fields), depth),
    );
    if (this.random.below(4) === 0) chosen.push('__typename');
    return `{ ${chosen.join(' ')} }`;
  }

  private part(type: GraphQLObjectType, field: GraphQLField<unknown, unknown>, depth: number): string {
    const written = this.field(field, depth);
    switch (this.random.below(12)) {
      case 0:
        return `... on ${type.name} ${this.condition()} { ${written} }`;
      case 1:
        return `... ${this.condition()} { ${written} }`;
      case 2: {
        const name = this.name('F');
        this.fragments.push(`fragment ${name} on ${type.name} { ${written} __typename }`);
        return `...${name} ${this.condition()} ...${name}`;
      }
      default:
        return written;
    }
  }

  private field(field: GraphQLField<unknown, unknown>, depth: number): string {
    const named = getNamedType(field.type);
    const below = isObjectType(named) ? this.selection(named, depth + 1) : '';
    const args = field.args.filter((argument) => isNonNullType(argument.type) || this.random.below(2) === 0);
    const written = args.length ? `(${args.map((argument) => this.argument(argument)).join(', ')})` : '';
    // Two fields under one name must ask for the same: what has arguments, or fields of its own, gets a name of its own.
    const alias = written || below || this.random.below(5) === 0 ? `${this.name('a')}: ` : '';
    return `${alias}${field.name}${written} ${this.condition()} ${below}`;
  }

  private condition(): string {
    if (this.random.below(5) > 0) return '';
    const value = this.random.below(2) === 0;
    const directive = this.random.one(['skip', 'include']);
    if (this.random.below(2) === 0) return `@${directive}(if: ${value})`;
    return `@${directive}(if: ${this.variable('Boolean!', value)})`;
  }

  private argument({ name, type }: GraphQLArgument): string {
    if (String(type) === 'Int' && this.random.below(3) === 0) return `${name}: ${this.random.below(50)}`;
    const given = this.random.below(25) === 0 && !isNonNullType(type) ? undefined : this.input(type);
    return `${name}: ${this.variable(String(type), given)}`;
  }

  private variable(type: string, value: unknown): string {
    const name = this.name('v');
    this.definitions.push(`$${name}: ${type}`);
    if (value !== undefined) this.variables[name] = value;
    return `$${name}`;
  }

  /** Of the type, and now and then of another. */
  private input(type: GraphQLInputType): unknown {
    if (this.random.below(40) === 0)
      return this.random.one<unknown>([null, 7, 'text', 1.5, true, [], {}, [null], { no: 1 }]);
    if (isNonNullType(type)) return this.input(type.ofType as GraphQLInputType);
    if (this.random.below(8) === 0) return null;
    if (isListType(type)) {
      if (this.random.below(6) === 0) return this.input(type.ofType as GraphQLInputType);
      return Array.from({ length: this.random.below(3) }, () => this.input(type.ofType as GraphQLInputType));
    }
    if (isEnumType(type)) return this.random.one(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(
        (field) => isNonNullType(field.type) || this.random.below(3) === 0,
      );
      return Object.fromEntries(fields.map((field) => [field.name, this.input(field.type)]));
    }
    return this.scalar(String(type));
  }

  private scalar(name: string): unknown {
    switch (name) {
      case 'Int':
        return this.random.one([0, 1, -3, 20, 2 ** 31 - 1]);
      case 'Float':
        return this.random.one([0, 1.5, -2]);
      case 'Boolean':
        return this.random.below(2) === 0;
      case 'DateTime':
        return this.random.one([
          '2026-03-01T09:30:00Z',
          '2026-03-01T09:30:00.125+02:00',
          '2026-02-30T00:00:00Z',
          'soon',
        ]);
      case 'JSONObject':
        return this.random.one<unknown>([{}, { a: { b: [1, 'two', null] } }, [1], 'text']);
      case 'ID':
        return this.random.one<unknown>(['7', 7, 'a-b']);
      default:
        return this.random.one([
          '',
          'text',
          '"; } // ${x} `\\u2028',
          '__MAGIC_NAN__57f286b9_4c20_487f_b409_79804ddcb4f8',
        ]);
    }
  }

  private name(letter: string): string {
    return `${letter}${this.count++}`;
  }
}
