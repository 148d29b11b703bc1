import { Field, InputType, Int, ObjectType } from '@nestjs/graphql';
import { CompletionSource } from './enums.js';
import { MemorizePayload, MemoryModel } from './memory.model.js';

@InputType('CompleteInput')
export class CompleteInputModel {
  @Field(() => String, { description: '1 to 8,192 characters.' }) task: string;
  @Field(() => String, {
    nullable: true,
    description: 'Whose memories are recalled; default: of all that you may read.',
  })
  entityId?: string | null;
  @Field(() => Boolean, {
    nullable: true,
    defaultValue: true,
    description: 'Put the recalled context into the prompt.',
  })
  useMemory?: boolean | null;
  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description:
      'Keep an answer of the language model as a PROCEDURAL memory, as memorize would: PROPOSED where you may only propose.',
  })
  rememberAnswer?: boolean | null;
  @Field(() => String, { nullable: true, description: 'Where to keep it; default: the pool of your own role.' })
  pool?: string | null;
}

@ObjectType('Completion')
export class CompletionModel {
  @Field(() => String) text: string;
  @Field(() => CompletionSource) source: keyof typeof CompletionSource;
  @Field(() => Boolean, { description: 'Whether anything was missing.' }) degraded: boolean;
  @Field(() => [String], {
    description: 'What was missing: LLM when there is no model or it did not answer, and what recall was without.',
  })
  missing: string[];
  @Field(() => [MemoryModel], { description: 'The procedures behind a MEMORY answer.' }) memories: MemoryModel[];
  @Field(() => [MemoryModel], { description: 'What stood in the prompt of an LLM answer.' }) recalled: MemoryModel[];
  @Field(() => Int, { description: 'How often the language model was asked.' }) attempts: number;
  @Field(() => MemorizePayload, { nullable: true, description: 'The answer as it was kept.' })
  remembered: MemorizePayload | null;
  @Field(() => String, { nullable: true, description: 'Why the answer was not kept, where that was asked for.' })
  notRemembered: string | null;
}
