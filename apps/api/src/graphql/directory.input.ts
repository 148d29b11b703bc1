import { Field, Float, InputType } from '@nestjs/graphql';
import { Language, PoolKind } from './enums.js';

@InputType()
export class RegisterAgentInput {
  @Field(() => String) name: string;
  @Field(() => String) role: string;
  @Field(() => Boolean, { nullable: true, defaultValue: false, description: 'Also make a private AGENT pool.' })
  privatePool?: boolean;
}

@InputType()
export class CreatePoolInput {
  @Field(() => String) key: string;
  @Field(() => PoolKind) kind: keyof typeof PoolKind;
  @Field(() => String, { nullable: true }) role?: string | null;
  @Field(() => String, { nullable: true }) description?: string | null;
  @Field(() => Language, { nullable: true, description: 'ENGLISH unless told.' }) language?:
    keyof typeof Language | null;
}

@InputType({
  description: 'The most that importance, recency and usage may add to a score of about 1, each from 0 to 0.5.',
})
export class RecallWeightsInput {
  @Field(() => Float) importance: number;
  @Field(() => Float) recency: number;
  @Field(() => Float) usage: number;
}

@InputType({
  description:
    'The role comes with a ROLE pool of its key, and with no statement: nothing is allowed until a policy says so.',
})
export class CreateRoleInput {
  @Field(() => String) key: string;
  @Field(() => String, { nullable: true }) description?: string | null;
}
