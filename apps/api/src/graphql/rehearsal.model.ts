import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import { Action } from './enums.js';
import { PolicyStatementInput, PolicyStatementModel } from './policy.model.js';

@InputType()
export class SimulatePolicyInput {
  @Field(() => [PolicyStatementInput]) statements: PolicyStatementInput[];
}

@ObjectType('AccessChange', {
  description: `One role, pool and action for which the draft decides otherwise. before and after: whether the action is allowed on some memory that could be
there; the counts are exact for those that are: what READ shows for READ, what waits for REVIEW, what is ACTIVE for REVISE, and else all that is not forgotten.`,
})
export class AccessChange {
  @Field(() => String) role: string;
  @Field(() => String) pool: string;
  @Field(() => Action) action: keyof typeof Action;
  @Field(() => Boolean, { description: 'Asked for the agent that owns the AGENT pool; false: for others of the role.' })
  asOwner: boolean;
  @Field(() => Boolean) before: boolean;
  @Field(() => Boolean) after: boolean;
  @Field(() => Int) memoriesGained: number;
  @Field(() => Int) memoriesLost: number;
}

@ObjectType('PolicySimulation', {
  description:
    'What a draft would change, for every role and pool, against the active version, on the memories stored now. What stays as it is is not listed.',
})
export class PolicySimulation {
  @Field(() => Boolean) valid: boolean;
  @Field(() => [String], { description: 'Why it could not be activated; at most 100.' }) problems: string[];
  @Field(() => [AccessChange]) changes: AccessChange[];
}

@InputType()
export class ExplainAccessInput {
  @Field(() => ID, { nullable: true, description: 'The agent asked about, or a role in its place.' })
  principalId?: string | null;
  @Field(() => String, { nullable: true }) role?: string | null;
  @Field(() => Action) action: keyof typeof Action;
  @Field(() => String, {
    nullable: true,
    description: 'For some memory that could be there; or memoryId in its place.',
  })
  pool?: string | null;
  @Field(() => ID, { nullable: true, description: 'One that you may see yourself.' }) memoryId?: string | null;
}

@ObjectType('DecisionStep')
export class DecisionStep {
  @Field(() => PolicyStatementModel) statement: PolicyStatementModel;
  @Field(() => String, {
    description: 'TRUE, FALSE or UNKNOWN. An allow needs TRUE; a deny applies unless it is FALSE.',
  })
  outcome: string;
  @Field(() => String) because: string;
}

@ObjectType('AccessDecision')
export class AccessDecision {
  @Field(() => Boolean) allowed: boolean;
  @Field(() => Int) policyVersion: number;
  @Field(() => PolicyStatementModel, {
    nullable: true,
    description: 'The statement that decided; null when nothing allowed it.',
  })
  decidedBy: PolicyStatementModel | null;
  @Field(() => String, { description: 'In words; when it is denied, also what would come nearest to being allowed.' })
  reason: string;
  @Field(() => [DecisionStep], {
    description:
      'Every statement looked at, in order, with TRUE, FALSE or UNKNOWN: those that name the role and the action.',
  })
  trace: DecisionStep[];
}
