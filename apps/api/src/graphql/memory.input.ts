import { Field, ID, InputType, Int } from '@nestjs/graphql';
import { Importance, MemoryStatus, MemoryType } from './enums.js';
import { DateTime, JSONObject } from './scalars.js';

type ImportanceKey = keyof typeof Importance;
type StatusKey = keyof typeof MemoryStatus;
type TypeKey = keyof typeof MemoryType;

@InputType({
  description: `Every condition must hold. metadata takes {key: value} or {key: {eq|ne|in|nin|gt|gte|lt|lte|contains|exists: …}}, with and / or / not;
contains asks a list for an element or a text for a part; a key that is not there matches only {exists: false}.`,
})
export class MemoryFilter {
  @Field(() => [String], { nullable: true }) pools?: string[] | null;
  @Field(() => [MemoryType], { nullable: true }) types?: TypeKey[] | null;
  @Field(() => [MemoryStatus], { nullable: true, description: 'Default: ACTIVE.' }) statuses?: StatusKey[] | null;
  @Field(() => String, { nullable: true }) entityId?: string | null;
  @Field(() => String, { nullable: true }) sessionId?: string | null;
  @Field(() => ID, { nullable: true }) authorId?: string | null;
  @Field(() => [Importance], { nullable: true }) importance?: ImportanceKey[] | null;
  @Field(() => [String], { nullable: true, description: 'All of them.' }) labels?: string[] | null;
  @Field(() => JSONObject, { nullable: true }) metadata?: unknown;
  @Field(() => DateTime, { nullable: true }) createdAfter?: Date | null;
  @Field(() => DateTime, { nullable: true }) createdBefore?: Date | null;
}

@InputType('RecallInput')
export class RecallInputModel {
  @Field(() => String, { description: '1 to 8,192 characters.' }) query: string;
  @Field(() => [String], { nullable: true, description: 'Default: every pool that the caller may read.' }) pools?:
    string[] | null;
  @Field(() => [MemoryType], { nullable: true, description: 'Default: all three, searched together.' }) types?:
    TypeKey[] | null;
  @Field(() => String, { nullable: true }) entityId?: string | null;
  @Field(() => String, { nullable: true }) sessionId?: string | null;
  @Field(() => MemoryFilter, { nullable: true }) filter?: MemoryFilter | null;
  @Field(() => Int, { nullable: true, defaultValue: 10, description: '1 to 100.' }) limit?: number | null;
  @Field(() => Int, {
    nullable: true,
    description: 'At most this many from one pool, so that a large pool cannot crowd out the others.',
  })
  perPoolLimit?: number | null;
  @Field(() => Int, {
    nullable: true,
    description:
      'The context holds at most this many tokens, as o200k_base counts them; a hit that is too long for what is left gives its place to the next.',
  })
  tokenBudget?: number | null;
  @Field(() => DateTime, {
    nullable: true,
    description:
      'What was known and true at this time: written by then, valid then, not yet superseded then. A memory that was revised since has the content of then. Default: now.',
  })
  asOf?: Date | null;
  @Field(() => Boolean, { nullable: true, defaultValue: false }) includeSuperseded?: boolean | null;
}

@InputType('MemorizeInput')
export class MemorizeInputModel {
  @Field(() => String, { description: '1 to 32,768 characters.' }) content: string;
  @Field(() => String, {
    nullable: true,
    description: "Default: the pool of the caller's own role; BAD_INPUT where there is none, as for admin.",
  })
  pool?: string | null;
  @Field(() => MemoryType) type: TypeKey;
  @Field(() => String, { nullable: true }) entityId?: string | null;
  @Field(() => String, { nullable: true }) sessionId?: string | null;
  @Field(() => String, { nullable: true }) speaker?: string | null;
  @Field(() => Importance, { nullable: true, defaultValue: 'MEDIUM' }) importance?: ImportanceKey | null;
  @Field(() => [String], { nullable: true }) labels?: string[] | null;
  @Field(() => JSONObject, { nullable: true }) metadata?: unknown;
  @Field(() => DateTime, { nullable: true }) validFrom?: Date | null;
  @Field(() => DateTime, { nullable: true }) expiresAt?: Date | null;
  @Field(() => [ID], { nullable: true }) derivedFrom?: string[] | null;
  @Field(() => String, {
    nullable: true,
    description:
      'Per principal, kept 24 hours: the same key and input again answers with the first memory and outcome; with another input CONFLICT.',
  })
  idempotencyKey?: string | null;
}

@InputType('ReviseInput')
export class ReviseInputModel {
  @Field(() => ID) id: string;
  @Field(() => Int) expectedVersion: number;
  @Field(() => String, { nullable: true }) content?: string | null;
  @Field(() => Importance, { nullable: true }) importance?: ImportanceKey | null;
  @Field(() => [String], { nullable: true }) labels?: string[] | null;
  @Field(() => JSONObject, { nullable: true }) metadata?: unknown;
  @Field(() => DateTime, { nullable: true }) expiresAt?: Date | null;
  @Field(() => String, { nullable: true }) reason?: string | null;
}

@InputType('FeedInput')
export class FeedInputModel {
  @Field(() => [String], { nullable: true }) pools?: string[] | null;
  @Field(() => [MemoryType], { nullable: true }) types?: TypeKey[] | null;
  @Field(() => String, { nullable: true }) entityId?: string | null;
  @Field(() => String, { nullable: true, description: 'Default: from now on.' }) after?: string | null;
}
