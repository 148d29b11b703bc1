import { AccessService, actionsIn, DirectoryService, type Principal } from '#access';
import { badInput, isId } from '#kernel';
import { languagesOf } from '#memory';
import { Args, Context, ID, Mutation, Parent, Query, ResolveField, Resolver, Int } from '@nestjs/graphql';
import { Caller, type RequestContext } from './context.js';
import { CreatePoolInput, CreateRoleInput, RecallWeightsInput, RegisterAgentInput } from './directory.input.js';
import {
  AgentModel,
  ApiKeyModel,
  IssuedKeyModel,
  PoolModel,
  PrincipalModel,
  RegisterAgentPayload,
  RoleModel,
} from './directory.model.js';
import { Action, Language } from './enums.js';
import { DateTime } from './scalars.js';

@Resolver(() => PoolModel)
export class PoolResolver {
  constructor(
    private readonly access: AccessService,
    private readonly directory: DirectoryService,
  ) {}

  @Query(() => PrincipalModel)
  viewer(@Caller() caller: Principal): Promise<PrincipalModel> {
    // Asked inside a unit of work: a revoked key must not be told who it was.
    return this.access.read(caller, () => Promise.resolve(caller));
  }

  @Query(() => [PoolModel], { description: 'The pools in which the caller may do anything.' })
  pools(@Caller() caller: Principal): Promise<PoolModel[]> {
    return this.access.read(caller, (_, grants) => Promise.resolve([...grants.pools] as unknown as PoolModel[]));
  }

  @Query(() => PoolModel, { nullable: true })
  async pool(@Caller() caller: Principal, @Args('key', { type: () => String }) key: string): Promise<PoolModel | null> {
    return (await this.pools(caller)).find((pool) => pool.key === key) ?? null;
  }

  @Query(() => [RoleModel])
  roles(@Caller() caller: Principal): Promise<RoleModel[]> {
    return this.directory.roles(caller);
  }

  @Mutation(() => PoolModel)
  async createPool(@Caller() caller: Principal, @Args('input') input: CreatePoolInput): Promise<PoolModel> {
    return (await this.directory.createPool(caller, input)) as unknown as PoolModel;
  }

  @Mutation(() => PoolModel, {
    description: "What ranks hits of the pool beside their words; null: the broker's own again.",
  })
  async weighPool(
    @Caller() caller: Principal,
    @Args('key', { type: () => String }) key: string,
    @Args('weights', { type: () => RecallWeightsInput, nullable: true }) weights: RecallWeightsInput | null,
  ): Promise<PoolModel> {
    return (await this.directory.weighPool(caller, key, weights ?? null)) as unknown as PoolModel;
  }

  @Mutation(() => PoolModel, {
    description: 'What is written from then on is read in it; what stands there is read again in the background.',
  })
  async setPoolLanguage(
    @Caller() caller: Principal,
    @Args('key', { type: () => String }) key: string,
    @Args('language', { type: () => Language }) language: keyof typeof Language,
  ): Promise<PoolModel> {
    return (await this.directory.setLanguage(caller, key, language)) as unknown as PoolModel;
  }

  @Mutation(() => PoolModel, {
    description:
      'When the pool is consolidated by itself: five fields of cron, in UTC; null: never. Unless told, every night, and AGENT pools never.',
  })
  async setPoolConsolidation(
    @Caller() caller: Principal,
    @Args('key', { type: () => String }) key: string,
    @Args('cron', { type: () => String, nullable: true }) cron: string | null,
  ): Promise<PoolModel> {
    return (await this.directory.scheduleConsolidation(caller, key, cron ?? null)) as unknown as PoolModel;
  }

  @Mutation(() => RoleModel)
  createRole(@Caller() caller: Principal, @Args('input') input: CreateRoleInput): Promise<RoleModel> {
    return this.directory.createRole(caller, input);
  }

  @ResolveField(() => [Action])
  async allowedActions(@Parent() pool: PoolModel, @Caller() caller: Principal): Promise<(keyof typeof Action)[]> {
    return actionsIn((await this.access.grants(caller)).access, pool.id);
  }

  @ResolveField(() => Language)
  async language(@Parent() pool: PoolModel, @Caller() caller: Principal): Promise<keyof typeof Language> {
    if (pool.language) return pool.language;
    return languagesOf(await this.access.grants(caller))(pool.id);
  }

  @ResolveField(() => String, { nullable: true })
  async consolidationCron(@Parent() pool: PoolModel, @Caller() caller: Principal): Promise<string | null> {
    if (pool.consolidationCron !== undefined) return pool.consolidationCron;
    const { pools } = await this.access.grants(caller);
    return pools.find(({ id }) => id === pool.id)?.consolidationCron ?? null;
  }

  @ResolveField(() => Int)
  memoryCount(@Parent() pool: PoolModel, @Context() { loaders }: RequestContext): Promise<number> {
    return loaders.memoryCount.load(pool.id);
  }
}

@Resolver(() => AgentModel)
export class AgentResolver {
  constructor(
    private readonly access: AccessService,
    private readonly directory: DirectoryService,
  ) {}

  @Query(() => [AgentModel])
  agents(@Caller() caller: Principal): Promise<AgentModel[]> {
    return this.directory.agents(caller);
  }

  @Mutation(() => RegisterAgentPayload)
  registerAgent(@Caller() caller: Principal, @Args('input') input: RegisterAgentInput): Promise<RegisterAgentPayload> {
    return this.directory.registerAgent(caller, input);
  }

  @Mutation(() => IssuedKeyModel)
  issueKey(
    @Caller() caller: Principal,
    @Args('agentId', { type: () => ID }) agentId: string,
    @Args('expiresAt', { type: () => DateTime, nullable: true }) expiresAt: Date | null,
  ): Promise<IssuedKeyModel> {
    return this.directory.issueKey(caller, requireId(agentId, 'agentId'), expiresAt ?? null);
  }

  @Mutation(() => ApiKeyModel)
  revokeKey(@Caller() caller: Principal, @Args('id', { type: () => ID }) id: string): Promise<ApiKeyModel> {
    return this.directory.revokeKey(caller, requireId(id, 'id'));
  }

  @ResolveField(() => PoolModel, { nullable: true })
  async pool(@Parent() agent: AgentModel, @Caller() caller: Principal): Promise<PoolModel | null> {
    const { pools } = await this.access.grants(caller);
    return (
      (pools.find((pool) => pool.kind === 'AGENT' && pool.ownerId === agent.id) as unknown as PoolModel | undefined) ??
      null
    );
  }

  @ResolveField(() => [ApiKeyModel])
  keys(@Parent() agent: AgentModel, @Context() { loaders }: RequestContext): Promise<ApiKeyModel[]> {
    return loaders.keys.load(agent.id);
  }
}

function requireId(id: string, field: string): string {
  if (!isId(id)) throw badInput(field, 'is not an id');
  return id;
}
