import { CommonplaceError } from '#kernel';
import { ForgetService, MemoriesService, MemorizeService, RecallService, ReviseService } from '#memory';
import type { Principal } from '#access';
import { Args, Context, ID, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Caller, type RequestContext } from './context.js';
import { PrincipalModel } from './directory.model.js';
import { MemorizeInputModel, MemoryFilter, RecallInputModel, ReviseInputModel } from './memory.input.js';
import {
  ForgetPayload,
  MemorizeManyPayload,
  MemorizePayload,
  MemoryConnection,
  MemoryModel,
  MemoryRevisionModel,
  RecallResultModel,
} from './memory.model.js';
import { Presenter } from './presenter.js';

@Resolver(() => MemoryModel)
export class MemoryResolver {
  constructor(
    private readonly memoriesService: MemoriesService,
    private readonly recallService: RecallService,
    private readonly memorizeService: MemorizeService,
    private readonly reviseService: ReviseService,
    private readonly forgetService: ForgetService,
    private readonly present: Presenter,
  ) {}

  @Query(() => RecallResultModel)
  async recall(@Caller() caller: Principal, @Args('input') input: RecallInputModel): Promise<RecallResultModel> {
    return this.present.recall(await this.recallService.recall(caller, input));
  }

  @Query(() => MemoryModel, { nullable: true })
  async memory(@Caller() caller: Principal, @Args('id', { type: () => ID }) id: string): Promise<MemoryModel | null> {
    const found = await this.memoriesService.memory(caller, id);
    return found && this.present.memory(found);
  }

  @Query(() => MemoryConnection, { description: 'Newest first; first is 1 to 100.' })
  async memories(
    @Caller() caller: Principal,
    @Args('filter', { type: () => MemoryFilter, nullable: true }) filter: MemoryFilter | null,
    @Args('first', { type: () => Int, nullable: true, defaultValue: 20 }) first: number | null,
    @Args('after', { type: () => String, nullable: true }) after: string | null,
  ): Promise<MemoryConnection> {
    const page = await this.memoriesService.memories(caller, { filter, first: first ?? 20, after });
    const nodes = await this.present.memories(page.memories);
    const edges = nodes.map((node, index) => ({
      node,
      cursor: this.memoriesService.cursorOf(page.memories[index] as (typeof page.memories)[number]),
    }));
    const pageInfo = {
      hasNextPage: page.hasNextPage,
      hasPreviousPage: page.hasPreviousPage,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    };
    return Object.assign(new MemoryConnection(), { edges, nodes, pageInfo, filter });
  }

  @Mutation(() => MemorizePayload)
  async memorize(@Caller() caller: Principal, @Args('input') input: MemorizeInputModel): Promise<MemorizePayload> {
    return this.present.memorized(await this.memorizeService.memorize(caller, input));
  }

  @Mutation(() => MemorizeManyPayload, {
    description:
      'At most 100 with 1 MiB of content together; each stands or fails alone. With an idempotencyKey, kept 24 hours for each principal, the same inputs sent again are answered as the first time, and those that were refused are tried again; other inputs are in CONFLICT.',
  })
  async memorizeMany(
    @Caller() caller: Principal,
    @Args('inputs', { type: () => [MemorizeInputModel] }) inputs: MemorizeInputModel[],
    @Args('idempotencyKey', {
      type: () => String,
      nullable: true,
      description: 'Of all inputs together, in place of keys of their own.',
    })
    idempotencyKey: string | null,
  ): Promise<MemorizeManyPayload> {
    return this.present.memorizedMany(await this.memorizeService.memorizeMany(caller, inputs, idempotencyKey));
  }

  @Mutation(() => MemoryModel)
  async revise(@Caller() caller: Principal, @Args('input') input: ReviseInputModel): Promise<MemoryModel> {
    return this.present.memory(await this.reviseService.revise(caller, input));
  }

  @Mutation(() => ForgetPayload)
  async forget(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
    @Args('reason', { type: () => String, nullable: true }) reason: string | null,
  ): Promise<ForgetPayload> {
    return { id: await this.forgetService.forget(caller, id, reason) };
  }

  @ResolveField(() => PrincipalModel, { nullable: true })
  author(@Parent() memory: MemoryModel, @Context() { loaders }: RequestContext): Promise<PrincipalModel | null> | null {
    return memory.authorId ? loaders.principal.load(memory.authorId) : null;
  }

  @ResolveField(() => MemoryModel, { nullable: true })
  async supersededBy(
    @Parent() memory: MemoryModel,
    @Context() { loaders }: RequestContext,
  ): Promise<MemoryModel | null> {
    const found = memory.supersededById ? await loaders.memory.load(memory.supersededById) : null;
    return found && this.present.memory(found);
  }

  @ResolveField(() => [MemoryModel])
  async derivedFrom(@Parent() memory: MemoryModel, @Context() { loaders }: RequestContext): Promise<MemoryModel[]> {
    return this.present.memories(await loaders.sources.load(memory.id));
  }

  @ResolveField(() => [MemoryRevisionModel])
  async history(@Parent() memory: MemoryModel, @Context() { loaders }: RequestContext): Promise<MemoryRevisionModel[]> {
    const revisions = await loaders.history.load(memory.id);
    return Promise.all(
      revisions.map(async (revision) => {
        const changedBy = await loaders.principal.load(revision.changedBy);
        if (!changedBy) throw new CommonplaceError('INTERNAL', `principal ${revision.changedBy} is missing`);
        return { ...revision, changedBy };
      }),
    );
  }
}

@Resolver(() => MemoryConnection)
export class MemoryConnectionResolver {
  constructor(private readonly memoriesService: MemoriesService) {}

  /** Counted only where it is asked for. */
  @ResolveField(() => Int)
  totalCount(
    @Parent() connection: MemoryConnection & { filter: MemoryFilter | null },
    @Caller() caller: Principal,
  ): Promise<number> {
    return this.memoriesService.count(caller, connection.filter);
  }
}
