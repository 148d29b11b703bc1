import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import { PoolModel } from './directory.model.js';
import { ExtractionStatus, MessageRole } from './enums.js';
import { MemorizePayload, MemoryModel } from './memory.model.js';
import { DateTime } from './scalars.js';

@InputType('ConversationMessage')
export class ConversationMessage {
  @Field(() => MessageRole) role: keyof typeof MessageRole;
  @Field(() => String, { nullable: true }) speaker?: string | null;
  @Field(() => String, { description: '1 to 32,768 characters.' }) content: string;
  @Field(() => DateTime, { nullable: true, description: 'When it was said; kept as validFrom.' })
  createdAt?: Date | null;
}

@InputType('MemorizeConversationInput')
export class MemorizeConversationInput {
  @Field(() => String, { nullable: true, description: "Default: the pool of the caller's own role." })
  pool?: string | null;
  @Field(() => [ConversationMessage], {
    description: '1 to 100 with 1 MiB of content together; all are stored, or none.',
  })
  messages: ConversationMessage[];
  @Field(() => String, { nullable: true }) entityId?: string | null;
  @Field(() => String, { nullable: true }) sessionId?: string | null;
  @Field(() => [String], { nullable: true, description: 'Of the turns.' }) labels?: string[] | null;
  @Field(() => DateTime, { nullable: true, description: 'Of the turns; what is learnt from them does not outlive it.' })
  expiresAt?: Date | null;
  @Field(() => String, {
    nullable: true,
    description:
      'Per principal: the same key and conversation again answers with the first extraction; with another conversation CONFLICT.',
  })
  idempotencyKey?: string | null;
}

@ObjectType('Extraction', {
  description: 'What is learnt from a conversation. Its lists hold what the caller may still read.',
})
export class ExtractionModel {
  @Field(() => ID) id: string;
  @Field(() => PoolModel) pool: PoolModel;
  @Field(() => ExtractionStatus) status: keyof typeof ExtractionStatus;
  @Field(() => Int, { description: 'How often the language model was asked in vain.' }) attempts: number;
  @Field(() => Int) turnsRead: number;
  @Field(() => Int, { description: 'Suggestions of the model that its author may not store, or that nobody said.' })
  refused: number;
  @Field(() => String, { nullable: true }) error: string | null;
  @Field(() => DateTime) createdAt: Date;
  @Field(() => DateTime, { nullable: true }) finishedAt: Date | null;
  @Field(() => [MemoryModel]) turns: MemoryModel[];
  @Field(() => [MemoryModel], {
    description: 'DECLARATIVE and PROCEDURAL, each derivedFrom the turns that it comes from.',
  })
  derived: MemoryModel[];
  @Field(() => [MemoryModel], { description: 'What is so no longer: each supersededBy one of the derived.' })
  superseded: MemoryModel[];
}

@ObjectType('MemorizeConversationPayload')
export class MemorizeConversationPayload {
  @Field(() => [MemorizePayload], {
    description: 'One a message; messages that hold nothing but recalled memories are left out.',
  })
  results: MemorizePayload[];
  @Field(() => ExtractionModel) extraction: ExtractionModel;
}
