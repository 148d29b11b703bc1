import { CommonplaceError } from '#kernel';
import {
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  responsePathAsArray,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
} from 'graphql';
import { createHash } from 'node:crypto';
import { randomNumbers, type Random } from './random-numbers.js';

/** Called for each resolver, with what it was given. */
export interface Calls {
  calls: string[];
}

/** Which fields have a resolver, by their type: the values of others do not hold them. */
type Resolved = Record<string, readonly string[]>;

/**
 * Resolvers where the broker has some, which answer, fail, and answer null at random: the same each time that they are called
 * at the same place with the same arguments.
 */
export function answerAtRandom(schema: GraphQLSchema, resolved: Resolved, seed: number): void {
  for (const [typeName, fields] of Object.entries(resolved)) {
    const type = schema.getType(typeName);
    if (!isObjectType(type)) throw new Error(`${typeName} is no type with fields`);
    for (const name of fields) {
      const field = type.getFields()[name];
      if (!field) throw new Error(`${typeName} has no field ${name}`);
      field.resolve = (_, args: object, context: Calls, info: GraphQLResolveInfo) => {
        const path = responsePathAsArray(info.path);
        const place = JSON.stringify([path, Object.entries(args).sort()]);
        context.calls.push(place);
        const random = randomNumbers(createHash('sha256').update(`${seed} ${place}`).digest().readUInt32BE());
        return answer(new Values(resolved, random), field.type, path.some(Number.isInteger));
      };
    }
  }
}

/**
 * In a list all answers come late: where one item of a list fails at once, graphql-js lets go of the others' promises, and one
 * of those that is rejected ends the process.
 */
function answer(values: Values, type: GraphQLOutputType, isInList: boolean): unknown {
  const failure = () => new CommonplaceError('NOT_FOUND', 'There is no such thing.', { field: 'input.id' });
  switch (values.random.below(14)) {
    case 0:
      if (isInList) return Promise.reject(failure());
      throw failure();
    case 1:
      return Promise.reject(failure());
    case 2:
      return Promise.reject(new Error('broken'));
    case 3:
      return isInList ? Promise.resolve(failure()) : failure();
    case 4:
      return isInList ? Promise.resolve(values.next(type)) : values.next(type);
    default:
      return Promise.resolve(values.next(type));
  }
}

/** What a resolver may answer. What the schema promises is broken now and then, outside of lists. */
class Values {
  private lists = 0;

  constructor(
    private readonly resolved: Resolved,
    readonly random: Random,
  ) {}

  next(type: GraphQLOutputType): unknown {
    if (isNonNullType(type)) {
      if (this.isBroken()) return this.random.one([null, undefined]);
      return this.some(type.ofType as GraphQLOutputType);
    }
    return this.random.below(6) === 0 ? null : this.some(type);
  }

  private some(type: GraphQLOutputType): unknown {
    if (isListType(type)) {
      this.lists++;
      const list = Array.from({ length: this.random.below(4) }, () => this.next(type.ofType as GraphQLOutputType));
      this.lists--;
      return list;
    }
    if (isEnumType(type)) return this.random.one(type.getValues()).value;
    if (!isObjectType(type)) return this.scalar(String(type));
    const own = Object.values(type.getFields()).filter(({ name }) => !this.resolved[type.name]?.includes(name));
    return Object.fromEntries(own.map((field) => [field.name, this.next(field.type)]));
  }

  private isBroken(): boolean {
    return this.lists === 0 && this.random.below(30) === 0;
  }

  private scalar(name: string): unknown {
    switch (name) {
      case 'Int':
        return this.isBroken() ? 1.5 : this.random.one([0, 1, -7, 2 ** 31 - 1]);
      case 'Float':
        return this.random.one([0, 0.25, 1e300]);
      case 'Boolean':
        return this.random.below(2) === 0;
      case 'DateTime':
        return new Date(this.isBroken() ? NaN : this.random.below(2 ** 31) * 1000);
      case 'JSONObject':
        return { list: [1, { two: 'two' }] };
      default:
        return this.random.one(['', 'text', '{"a": "ä\\n\u2028"}']);
    }
  }
}
