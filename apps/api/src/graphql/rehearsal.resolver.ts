import type { Explanation, Principal } from '#access';
import { ExplainService, SimulateService, type Simulation } from '#memory';
import { Args, Query, Resolver } from '@nestjs/graphql';
import { Caller } from './context.js';
import { AccessDecision, ExplainAccessInput, PolicySimulation, SimulatePolicyInput } from './rehearsal.model.js';

/** What an admin asks before and after an edit of the policy. */
@Resolver()
export class RehearsalResolver {
  constructor(
    private readonly explanations: ExplainService,
    private readonly simulations: SimulateService,
  ) {}

  @Query(() => AccessDecision)
  explainAccess(
    @Caller() caller: Principal,
    @Args('input') input: ExplainAccessInput,
  ): Promise<Explanation & { policyVersion: number }> {
    return this.explanations.explain(caller, input);
  }

  @Query(() => PolicySimulation)
  simulatePolicy(@Caller() caller: Principal, @Args('input') input: SimulatePolicyInput): Promise<Simulation> {
    return this.simulations.simulate(caller, input.statements);
  }
}
