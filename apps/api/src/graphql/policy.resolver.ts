import { PolicyService, type PolicyVersion, type Principal } from '#access';
import { Args, Context, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Caller, type RequestContext } from './context.js';
import { PrincipalModel } from './directory.model.js';
import { ActivatePolicyInput, PolicyActivation, PolicyModel } from './policy.model.js';

@Resolver(() => PolicyModel)
export class PolicyResolver {
  constructor(private readonly policies: PolicyService) {}

  @Query(() => PolicyModel)
  policy(
    @Caller() caller: Principal,
    @Args('version', { type: () => Int, nullable: true }) version: number | null,
  ): Promise<PolicyVersion> {
    return this.policies.policy(caller, version ?? null);
  }

  @Query(() => [PolicyModel], { description: 'The newest 100, newest first.' })
  policyVersions(@Caller() caller: Principal): Promise<PolicyVersion[]> {
    return this.policies.versions(caller);
  }

  @Mutation(() => PolicyActivation, {
    description:
      'BAD_INPUT, and nothing changed, when a statement is not sound or when nobody could ADMINISTER without an expiry.',
  })
  async activatePolicy(
    @Caller() caller: Principal,
    @Args('input') input: ActivatePolicyInput,
  ): Promise<{ policy: PolicyVersion }> {
    return { policy: await this.policies.activate(caller, input) };
  }

  @Mutation(() => PolicyActivation, { description: 'A new version with the statements of an old one.' })
  async rollbackPolicy(
    @Caller() caller: Principal,
    @Args('toVersion', { type: () => Int }) toVersion: number,
    @Args('expectedVersion', { type: () => Int }) expectedVersion: number,
  ): Promise<{ policy: PolicyVersion }> {
    return { policy: await this.policies.rollback(caller, toVersion, expectedVersion) };
  }

  @ResolveField(() => PrincipalModel, { nullable: true })
  author(@Parent() policy: PolicyModel, @Context() { loaders }: RequestContext): Promise<PrincipalModel | null> | null {
    return policy.authorId ? loaders.principal.load(policy.authorId) : null;
  }
}
