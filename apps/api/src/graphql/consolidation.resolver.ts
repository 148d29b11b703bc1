import type { Principal } from '#access';
import { ConsolidationService, type ConsolidationRun } from '#memory';
import { Args, Context, ID, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { ConsolidateInput } from './consolidation.input.js';
import { ConsolidationChangeModel, ConsolidationRunModel } from './consolidation.model.js';
import { Caller, type RequestContext } from './context.js';
import { PrincipalModel } from './directory.model.js';
import { MemoryModel } from './memory.model.js';
import { Presenter } from './presenter.js';

@Resolver(() => ConsolidationRunModel)
export class ConsolidationResolver {
  constructor(
    private readonly consolidation: ConsolidationService,
    private readonly presenter: Presenter,
  ) {}

  @Mutation(() => ConsolidationRunModel, {
    description:
      'Needs CONSOLIDATE in all of the pool; CONFLICT while another run is at work there. Answers when the run has ended, or after 20 s as it is by then.',
  })
  async consolidate(
    @Caller() caller: Principal,
    @Args('input') input: ConsolidateInput,
  ): Promise<ConsolidationRunModel> {
    return this.present(await this.consolidation.consolidate(caller, input));
  }

  @Mutation(() => ConsolidationRunModel, {
    description: 'Puts back what is still as the run left it; what others changed since stays, and is counted in left.',
  })
  async undoConsolidation(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
  ): Promise<ConsolidationRunModel> {
    return this.present(await this.consolidation.undo(caller, id));
  }

  @Query(() => [ConsolidationRunModel], { description: 'Newest first; first is 1 to 100.' })
  async consolidationRuns(
    @Caller() caller: Principal,
    @Args('pool', { type: () => String, nullable: true }) pool: string | null,
    @Args('first', { type: () => Int, nullable: true, defaultValue: 20 }) first: number | null,
  ): Promise<ConsolidationRunModel[]> {
    const runs = await this.consolidation.runs(caller, { pool, first: first ?? 20 });
    return Promise.all(runs.map((run) => this.present(run)));
  }

  @Query(() => ConsolidationRunModel, { nullable: true })
  async consolidationRun(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
  ): Promise<ConsolidationRunModel | null> {
    const run = await this.consolidation.run(caller, id);
    return run && this.present(run);
  }

  @ResolveField(() => PrincipalModel, { nullable: true })
  askedBy(
    @Parent() { askedById }: ConsolidationRunModel,
    @Context() { loaders }: RequestContext,
  ): Promise<PrincipalModel | null> | null {
    return askedById === null ? null : loaders.principal.load(askedById);
  }

  @ResolveField(() => [ConsolidationChangeModel])
  async changes(
    @Parent() { id: runId }: ConsolidationRunModel,
    @Caller() caller: Principal,
    @Args('first', { type: () => Int, nullable: true, defaultValue: 100, description: '1 to 200.' })
    first: number | null,
    @Args('after', { type: () => Int, nullable: true, defaultValue: 0, description: 'The place of the last one seen.' })
    after: number | null,
  ): Promise<ConsolidationChangeModel[]> {
    const changes = await this.consolidation.changes(caller, runId, { first: first ?? 100, after: after ?? 0 });
    return changes.map((change) => ({ ...change, runId }));
  }

  private async present({ poolId, ...run }: ConsolidationRun): Promise<ConsolidationRunModel> {
    return { ...run, pool: await this.presenter.pool(poolId) };
  }
}

@Resolver(() => ConsolidationChangeModel)
export class ConsolidationChangeResolver {
  constructor(
    private readonly consolidation: ConsolidationService,
    private readonly presenter: Presenter,
  ) {}

  @ResolveField(() => [MemoryModel])
  async before(
    @Parent() { memoryIds }: ConsolidationChangeModel,
    @Context() { loaders }: RequestContext,
  ): Promise<MemoryModel[]> {
    const found = await Promise.all(memoryIds.map((id) => loaders.memory.load(id)));
    return this.presenter.memories(found.filter((memory) => memory !== null));
  }

  @ResolveField(() => MemoryModel, { nullable: true })
  async after(
    @Parent() { afterId }: ConsolidationChangeModel,
    @Context() { loaders }: RequestContext,
  ): Promise<MemoryModel | null> {
    const found = afterId === null ? null : await loaders.memory.load(afterId);
    return found && this.presenter.memory(found);
  }

  @ResolveField(() => String, { nullable: true })
  async text(
    @Parent() { kind, state, memoryIds }: ConsolidationChangeModel,
    @Caller() caller: Principal,
    @Context() { loaders }: RequestContext,
  ): Promise<string | null> {
    if (kind !== 'SUMMARIZED' || state !== 'PLANNED') return null;
    const found = await Promise.all(memoryIds.map((id) => loaders.memory.load(id)));
    return this.consolidation.proposedText(
      caller,
      memoryIds.length,
      found.filter((memory) => memory !== null),
    );
  }
}
