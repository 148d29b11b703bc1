import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { GraphQLSchemaBuilderModule, GraphQLSchemaFactory } from '@nestjs/graphql';
import { lexicographicSortSchema, printSchema, type GraphQLSchema } from 'graphql';
import { RESOLVERS, SCALARS } from '../api.module.js';

/** The schema that the resolvers declare, without a database and without a server. */
export async function buildApiSchema(): Promise<GraphQLSchema> {
  const app = await NestFactory.createApplicationContext(GraphQLSchemaBuilderModule, { logger: false });
  return app.get(GraphQLSchemaFactory).create(RESOLVERS, SCALARS as never);
}

/** Sorted by name, so that the order of imports does not show. */
export async function printApiSchema(): Promise<string> {
  const header = '# Generated from the code by `npm run schema`. Do not edit.\n\n';
  return `${header}${printSchema(lexicographicSortSchema(await buildApiSchema()))}\n`;
}
