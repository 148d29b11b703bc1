import { Field, Float, ID, Int, ObjectType } from '@nestjs/graphql';
import type { JsonObject } from '#kernel';
import { PoolModel, PrincipalModel } from './directory.model.js';
import { Importance, MemorizeOutcome, MemoryEventKind, MemoryStatus, MemoryType } from './enums.js';
import { DateTime, JSONObject } from './scalars.js';

@ObjectType('MemoryRevision')
export class MemoryRevisionModel {
  @Field(() => Int) version: number;
  @Field(() => String) content: string;
  @Field(() => PrincipalModel) changedBy: PrincipalModel;
  @Field(() => DateTime) changedAt: Date;
  @Field(() => String, { nullable: true }) reason: string | null;
}

@ObjectType('MemoryReview', { description: 'What a reviewer decided.' })
export class MemoryReviewModel {
  @Field(() => Boolean) approved: boolean;
  @Field(() => PrincipalModel) reviewer?: PrincipalModel;
  @Field(() => DateTime) at: Date;
  @Field(() => String, { nullable: true, description: 'Null where the policy hides the content, which it may quote.' })
  comment: string | null;

  /** Not in the schema: what the reviewer is loaded by. */
  reviewerId: string;
}

@ObjectType('Memory')
export class MemoryModel {
  @Field(() => ID) id: string;
  @Field(() => PoolModel) pool: PoolModel;
  @Field(() => MemoryType) type: keyof typeof MemoryType;
  @Field(() => MemoryStatus) status: keyof typeof MemoryStatus;
  @Field(() => String, {
    nullable: true,
    description:
      "Null when the policy's fields hide it; so for labels, metadata, author, entityId, sessionId, speaker. The rest is always shown.",
  })
  content: string | null;
  @Field(() => String, { nullable: true, description: 'Whom or what it is about: a user or a project.' }) entityId:
    string | null;
  @Field(() => String, { nullable: true, description: 'The run or conversation that it came from.' }) sessionId:
    string | null;
  @Field(() => String, { nullable: true, description: 'Whose words these are, in a conversation.' }) speaker:
    string | null;
  @Field(() => Importance) importance: keyof typeof Importance;
  @Field(() => [String], { nullable: true }) labels: string[] | null;
  @Field(() => JSONObject, { nullable: true }) metadata: JsonObject | null;
  @Field(() => PrincipalModel, {
    nullable: true,
    description: 'Set by the server from the credential, never from the input.',
  })
  author?: PrincipalModel | null;
  @Field(() => [String], { description: 'The fields that the policy hid here.' }) maskedFields: string[];
  @Field(() => Int) version: number;
  @Field(() => DateTime) createdAt: Date;
  @Field(() => DateTime) updatedAt: Date;
  @Field(() => DateTime, {
    nullable: true,
    description: 'When it happened or became true, and until when; null: as of createdAt, and still.',
  })
  validFrom: Date | null;
  @Field(() => DateTime, { nullable: true }) validTo: Date | null;
  @Field(() => DateTime, { nullable: true }) expiresAt: Date | null;
  @Field(() => MemoryModel, {
    nullable: true,
    description: 'Null where there is none, or none that the caller may see.',
  })
  supersededBy?: MemoryModel | null;
  @Field(() => MemoryReviewModel, {
    nullable: true,
    description: 'Null before a reviewer has decided, and for what needed no decision.',
  })
  reviewed: MemoryReviewModel | null;
  @Field(() => [MemoryModel], { description: 'The memories it was made from, as far as the caller may see them.' })
  derivedFrom?: MemoryModel[];
  @Field(() => Boolean, { description: 'Whether its vector is there; true where no embedder is configured.' })
  indexed: boolean;
  @Field(() => Int, {
    description: 'How often recall has returned it, and when last; counted asynchronously, a second or two behind.',
  })
  recallCount: number;
  @Field(() => DateTime, { nullable: true }) lastRecalledAt: Date | null;
  @Field(() => [MemoryRevisionModel], {
    description: 'The newest 100 versions, newest first; none where the policy hides the content or its author.',
  })
  history?: MemoryRevisionModel[];

  /** Not in the schema: what author and supersededBy are loaded by. */
  authorId: string | null;
  supersededById: string | null;
}

@ObjectType('PageInfo')
export class PageInfo {
  @Field(() => Boolean) hasNextPage: boolean;
  @Field(() => Boolean) hasPreviousPage: boolean;
  @Field(() => String, { nullable: true }) startCursor: string | null;
  @Field(() => String, { nullable: true }) endCursor: string | null;
}

@ObjectType('MemoryEdge')
export class MemoryEdge {
  @Field(() => String) cursor: string;
  @Field(() => MemoryModel) node: MemoryModel;
}

@ObjectType('MemoryConnection')
export class MemoryConnection {
  @Field(() => [MemoryEdge]) edges: MemoryEdge[];
  @Field(() => [MemoryModel]) nodes: MemoryModel[];
  @Field(() => PageInfo) pageInfo: PageInfo;
  @Field(() => Int) totalCount?: number;
}

@ObjectType('RecallExplanation', {
  description:
    'Ranks count from 1; null where the method did not find it. The numbers say what each signal added to the sum behind the score.',
})
export class RecallExplanation {
  @Field(() => Int, { nullable: true }) vectorRank: number | null;
  @Field(() => Int, { nullable: true }) textRank: number | null;
  @Field(() => Float, { description: "The memory's own words." }) lexical: number;
  @Field(() => Float, { description: 'Its meaning, where an embedder is configured.' }) meaning: number;
  @Field(() => Float, { description: 'What stands right before and after it in its session.' }) neighbours: number;
  @Field(() => Float, { description: 'The question that somebody else has asked right before it.' }) answer: number;
  @Field(() => Float, { description: 'All of its session.' }) session: number;
  @Field(() => Float, { description: 'That the query names its speaker.' }) speaker: number;
  @Field(() => Float, { description: 'That it is of a date that the query names.' }) date: number;
  @Field(() => Float, {
    description: 'That it tells a time where the query asks when, or a place where it asks where.',
  })
  cue: number;
  @Field(() => Float, { description: 'Below 0 for LOW, 0 for MEDIUM.' }) importanceBoost: number;
  @Field(() => Float, { description: 'Halves in 30 days (EPISODIC), 180 (DECLARATIVE) or 365 (PROCEDURAL).' })
  recencyBoost: number;
  @Field(() => Float, { description: 'By recallCount and lastRecalledAt; 0 with asOf.' }) usageBoost: number;
}

@ObjectType('RecallHit')
export class RecallHitModel {
  @Field(() => MemoryModel) memory: MemoryModel;
  @Field(() => Int) rank: number;
  @Field(() => Float, { description: '0 to 1, comparable inside one result only.' }) score: number;
  @Field(() => RecallExplanation, {
    description:
      'Which methods found it, at which rank, and what each signal and boost added to the sum behind the score.',
  })
  explanation: RecallExplanation;
  @Field(() => [ID], { description: 'Near-duplicates of it, which gave their places to others.' })
  repeats: string[];
}

@ObjectType('RecallResult')
export class RecallResultModel {
  @Field(() => [RecallHitModel]) hits: RecallHitModel[];
  @Field(() => String, {
    description:
      'The hits as one block of text for a prompt, between <recalled-memories> and </recalled-memories>: grouped by type, PROCEDURAL ones as instructions, each with its pool and id, inside tokenBudget. Empty where there are none.',
  })
  context: string;
  @Field(() => [String], {
    description:
      "Empty when whole; names what was missing otherwise: VECTOR when the embedder is down, CANDIDATES when the query's words are in too many memories to look at all.",
  })
  degraded: string[];
  @Field(() => Int, { description: 'The policy version that decided what could be seen.' }) policyVersion: number;
  @Field(() => [String]) searchedPools: string[];
}

@ObjectType('MemorizePayload')
export class MemorizePayload {
  @Field(() => MemoryModel, {
    description: 'As its author wrote it, also for an author who may write here and not read.',
  })
  memory: MemoryModel;
  @Field(() => MemorizeOutcome) outcome: keyof typeof MemorizeOutcome;
  @Field(() => Boolean, {
    description: 'False while the vector is still to come; recall finds it by its text already.',
  })
  indexed: boolean;
}

@ObjectType('MemorizeFailure')
export class MemorizeFailureModel {
  @Field(() => Int) index: number;
  @Field(() => String) code: string;
  @Field(() => String) message: string;
}

@ObjectType('MemorizeManyPayload', {
  description: 'results are in the order of the inputs, failures left out; a failure names its input by index.',
})
export class MemorizeManyPayload {
  @Field(() => [MemorizePayload]) results: MemorizePayload[];
  @Field(() => [MemorizeFailureModel]) failures: MemorizeFailureModel[];
}

@ObjectType('ForgetPayload')
export class ForgetPayload {
  @Field(() => ID) id: string;
}

@ObjectType('MemoryEvent')
export class MemoryEventModel {
  @Field(() => ID, { description: 'Unique: a redelivered event carries the same id.' }) id: string;
  @Field(() => MemoryEventKind) kind: keyof typeof MemoryEventKind;
  @Field(() => String, { description: 'Give it back as after, on any replica, to go on from here. Opaque.' })
  cursor: string;
  @Field(() => DateTime, { nullable: true }) at: Date | null;
  @Field(() => MemoryModel, { nullable: true, description: 'Null for FORGOTTEN, CHECKPOINT and SCOPE_CHANGED.' })
  memory: MemoryModel | null;
  @Field(() => ID, { nullable: true }) memoryId: string | null;
  @Field(() => String, { nullable: true }) poolKey: string | null;
  @Field(() => Int) policyVersion: number;
}
