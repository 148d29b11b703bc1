import type { GqlModuleOptions } from '@nestjs/graphql';
import { isObjectType, type GraphQLSchema } from 'graphql';

type TransformResolvers = NonNullable<GqlModuleOptions['transformResolvers']>;
type Resolvers = Parameters<TransformResolvers>[0];

/**
 * Nest gives every field a resolver, most of which only read the property of its name. Without it a field is read where it is
 * used: a recall of ten hits has some two hundred. What the root types and `@ResolveField` declare stays.
 */
export class PlainFields {
  private readonly declared = new Set<string>();

  /** Nest's transformResolvers. */
  readonly note = (resolvers: Resolvers): Resolvers => {
    for (const types of [resolvers].flat()) {
      for (const [type, fields] of Object.entries(types)) {
        for (const field of Object.keys(fields)) this.declared.add(`${type}.${field}`);
      }
    }
    return resolvers;
  };

  /** Nest's transformSchema. */
  readonly unwrap = (schema: GraphQLSchema): GraphQLSchema => {
    for (const type of Object.values(schema.getTypeMap())) {
      if (!isObjectType(type) || type.name.startsWith('__')) continue;
      for (const field of Object.values(type.getFields())) {
        if (!this.declared.has(`${type.name}.${field.name}`)) field.resolve = undefined;
      }
    }
    return schema;
  };
}
