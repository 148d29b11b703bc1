import { Field, ID, Int, ObjectType } from '@nestjs/graphql';
import { PoolModel, PrincipalModel } from './directory.model.js';
import { ConsolidationMode, ConsolidationState, RunStatus } from './enums.js';
import { MemoryModel } from './memory.model.js';
import { DateTime } from './scalars.js';

@ObjectType('ConsolidationChange', {
  description: 'One step of a run. Its memories are shown as far as the caller may see them.',
})
export class ConsolidationChangeModel {
  @Field(() => Int, { description: 'Counted from 1 in the run.' }) place: number;
  @Field(() => String, {
    description: 'SUMMARIZED, MERGED, SUPERSEDED, EXPIRED, BOOSTED (importance raised) or FADED (importance lowered).',
  })
  kind: string;
  @Field(() => ConsolidationState) state: keyof typeof ConsolidationState;
  @Field(() => [MemoryModel]) before?: MemoryModel[];
  @Field(() => MemoryModel, {
    nullable: true,
    description: 'The summary, or the memory that the others gave way to. Null where there is none, as in a dry run.',
  })
  after?: MemoryModel | null;
  @Field(() => String) reason: string;
  @Field(() => String, {
    nullable: true,
    description:
      'Of a summary that a dry run would make: what the rules would have it say, of what the caller is shown.',
  })
  text?: string | null;

  /** Not in the schema: what the memories are loaded by. */
  memoryIds: string[];
  afterId: string | null;
  runId: string;
}

@ObjectType('ConsolidationRun', {
  description:
    'Shown to whoever may CONSOLIDATE in the pool. The numbers count memories; of a dry run, those that would be changed.',
})
export class ConsolidationRunModel {
  @Field(() => ID) id: string;
  @Field(() => PoolModel) pool: PoolModel;
  @Field(() => RunStatus) status: keyof typeof RunStatus;
  @Field(() => ConsolidationMode, { description: 'What makes summaries and finds contradictions.' })
  mode: keyof typeof ConsolidationMode;
  @Field(() => Int, { description: 'Times that the model failed and the rules took over.' }) fallbacks: number;
  @Field(() => Boolean) dryRun: boolean;
  @Field(() => Int) olderThanDays: number;
  @Field(() => PrincipalModel, { nullable: true, description: 'Null where the schedule asked.' })
  askedBy?: PrincipalModel | null;
  @Field(() => Int, { description: 'Episodes that became part of a summary.' }) summarized: number;
  @Field(() => Int, { description: 'Near-duplicates that gave way.' }) merged: number;
  @Field(() => Int, { description: 'Facts that newer ones contradict.' }) superseded: number;
  @Field(() => Int) expired: number;
  @Field(() => Int, { description: 'Often recalled ones whose importance was raised.' }) boosted: number;
  @Field(() => Int, { description: 'Ones that nobody recalls, whose importance was lowered.' }) faded: number;
  @Field(() => Int, { description: 'What others had changed since the run began, and was left.' }) skipped: number;
  @Field(() => Int, { description: 'What others had changed before the run was undone, and was left.' }) left: number;
  @Field(() => DateTime) requestedAt: Date;
  @Field(() => DateTime, { nullable: true }) startedAt: Date | null;
  @Field(() => DateTime, { nullable: true }) finishedAt: Date | null;
  @Field(() => String, { nullable: true }) error: string | null;
  @Field(() => [ConsolidationChangeModel]) changes?: ConsolidationChangeModel[];

  /** Not in the schema: what askedBy is loaded by. */
  askedById: string | null;
}
