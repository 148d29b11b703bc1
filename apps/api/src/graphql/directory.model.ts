import { Field, Float, ID, Int, ObjectType } from '@nestjs/graphql';
import { Action, Language, PoolKind, PrincipalKind } from './enums.js';
import { DateTime } from './scalars.js';

@ObjectType('Principal')
export class PrincipalModel {
  @Field(() => ID) id: string;
  @Field(() => PrincipalKind) kind: keyof typeof PrincipalKind;
  @Field(() => String) name: string;
  @Field(() => String, { description: 'The key of the role, such as coder; admin for an operator that administers.' })
  role: string;
}

@ObjectType('Role')
export class RoleModel {
  @Field(() => String) key: string;
  @Field(() => String, { nullable: true }) description: string | null;
  @Field(() => Boolean, { description: 'True for planner, coder, reviewer, tester and admin.' }) builtIn: boolean;
}

@ObjectType('RecallWeights', {
  description: 'The most that importance, recency and usage add to a score, each from 0 to 0.5.',
})
export class RecallWeightsModel {
  @Field(() => Float) importance: number;
  @Field(() => Float) recency: number;
  @Field(() => Float) usage: number;
}

@ObjectType('Pool')
export class PoolModel {
  @Field(() => ID) id: string;
  @Field(() => String, {
    description:
      'Unique in the organisation: shared, planner, coder, … Lower case letters, digits and . _ : -, at most 64.',
  })
  key: string;
  @Field(() => PoolKind) kind: keyof typeof PoolKind;
  @Field(() => String, { nullable: true }) description: string | null;
  @Field(() => String, { nullable: true, description: 'The role that owns it, for a ROLE pool.' }) role: string | null;
  @Field(() => DateTime) createdAt: Date;
  @Field(() => RecallWeightsModel, { nullable: true, description: "Null: the broker's own." })
  recallWeights?: RecallWeightsModel | null;
  @Field(() => Language) language?: keyof typeof Language;
  @Field(() => String, {
    nullable: true,
    description: 'When it is consolidated by itself: five fields of cron, in UTC. Null: never.',
  })
  consolidationCron?: string | null;
  @Field(() => [Action], { description: 'What the caller may do here.' }) allowedActions: (keyof typeof Action)[];
  @Field(() => Int, { description: 'Memories that the caller may read.' }) memoryCount?: number;
}

@ObjectType('ApiKey')
export class ApiKeyModel {
  @Field(() => ID) id: string;
  @Field(() => String) prefix: string;
  @Field(() => DateTime) createdAt: Date;
  @Field(() => DateTime, { nullable: true }) expiresAt: Date | null;
  @Field(() => DateTime, { nullable: true }) lastUsedAt: Date | null;
  @Field(() => DateTime, { nullable: true }) revokedAt: Date | null;
}

@ObjectType('Agent', { description: 'pool: its private AGENT pool, of key agent:<id>; null when it has none.' })
export class AgentModel {
  @Field(() => ID) id: string;
  @Field(() => String) name: string;
  @Field(() => String) role: string;
  @Field(() => DateTime) createdAt: Date;
  @Field(() => PoolModel, { nullable: true }) pool?: PoolModel | null;
  @Field(() => [ApiKeyModel]) keys?: ApiKeyModel[];
}

@ObjectType('IssuedKey', { description: 'secret is shown once and stored as a hash.' })
export class IssuedKeyModel {
  @Field(() => ApiKeyModel) key: ApiKeyModel;
  @Field(() => String) secret: string;
}

@ObjectType('RegisterAgentPayload')
export class RegisterAgentPayload {
  @Field(() => AgentModel) agent: AgentModel;
  @Field(() => IssuedKeyModel) issuedKey: IssuedKeyModel;
}
