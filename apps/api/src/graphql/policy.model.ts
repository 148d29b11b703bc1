import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import { PrincipalModel } from './directory.model.js';
import { Action, Effect } from './enums.js';
import { DateTime, JSONObject } from './scalars.js';

@ObjectType('PolicyStatement', {
  description:
    'One statement of a policy. Allow statements grant; one deny that applies overrides every allow; what nothing allows is denied.',
})
export class PolicyStatementModel {
  @Field(() => ID) id: string;
  @Field(() => Effect) effect: keyof typeof Effect;
  @Field(() => [String], { description: 'Role keys; * is every role.' }) roles: readonly string[];
  @Field(() => [Action]) actions: readonly (keyof typeof Action)[];
  @Field(() => [String], {
    description:
      "Pool keys; kind:SHARED, kind:ROLE or kind:AGENT; own for the pool of the caller's role and the caller's own AGENT pool; * for all.",
  })
  pools: readonly string[];
  @Field(() => JSONObject, {
    nullable: true,
    description: `Conditions on the memory, {field: {operator: value}}; all must hold (what an or or a not would say is another statement). Fields: type, status,
entityId, sessionId, speaker, authorId, authorRole (when it wrote the memory), importance, labels, createdAt, validFrom. Operators: eq ne in nin; lt lte gt gte for times and
importance; contains and containsAny for labels. Such as {type: {in: ["PROCEDURAL"]}} or {entityId: {eq: "project-alpha"}}.`,
  })
  where: unknown;
  @Field(() => [String], { nullable: true, description: 'Readable fields of Memory; all when absent.' }) fields:
    readonly string[] | null;
  @Field(() => DateTime, { nullable: true }) expiresAt: Date | null;
  @Field(() => String, { nullable: true }) reason: string | null;
}

@InputType()
export class PolicyStatementInput {
  @Field(() => ID, { nullable: true }) id?: string | null;
  @Field(() => Effect) effect: keyof typeof Effect;
  @Field(() => [String]) roles: string[];
  @Field(() => [Action]) actions: (keyof typeof Action)[];
  @Field(() => [String]) pools: string[];
  @Field(() => JSONObject, { nullable: true }) where?: unknown;
  @Field(() => [String], { nullable: true }) fields?: string[] | null;
  @Field(() => DateTime, { nullable: true }) expiresAt?: Date | null;
  @Field(() => String, { nullable: true }) reason?: string | null;
}

@ObjectType('Policy', {
  description:
    "One immutable version of the organisation's policy: at most 10,000 statements, each with at most 1,000 pools.",
})
export class PolicyModel {
  @Field(() => Int) version: number;
  @Field(() => Boolean) active: boolean;
  @Field(() => [PolicyStatementModel]) statements: PolicyStatementModel[];
  @Field(() => PrincipalModel, { nullable: true }) author?: PrincipalModel | null;
  @Field(() => String, { nullable: true }) comment: string | null;
  @Field(() => DateTime) createdAt: Date;

  /** Not in the schema: what the author field is loaded by. */
  authorId: string | null;
}

@InputType()
export class ActivatePolicyInput {
  @Field(() => Int, { description: 'The version that the edit was made from; CONFLICT when another is active by now.' })
  expectedVersion: number;
  @Field(() => [PolicyStatementInput]) statements: PolicyStatementInput[];
  @Field(() => String, { nullable: true }) comment?: string | null;
}

@ObjectType('PolicyActivation')
export class PolicyActivation {
  @Field(() => PolicyModel) policy: PolicyModel;
}
