import { PromoteService, ReviewService } from '#memory';
import { CommonplaceError } from '#kernel';
import type { Principal } from '#access';
import { Args, ArgsType, Context, Field, ID, Int, Mutation, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { Caller, type RequestContext } from './context.js';
import { PrincipalModel } from './directory.model.js';
import { MemorizePayload, MemoryModel, MemoryReviewModel } from './memory.model.js';
import { Presenter } from './presenter.js';

@ArgsType()
class ReviewArgs {
  @Field(() => ID) id: string;
  @Field(() => Boolean) approve: boolean;
  @Field(() => String, { nullable: true }) comment?: string | null;
  @Field(() => Int, {
    nullable: true,
    description: 'The version that was read; CONFLICT where its author has revised it since.',
  })
  expectedVersion?: number | null;
}

@Resolver(() => MemoryReviewModel)
export class ReviewResolver {
  constructor(
    private readonly reviews: ReviewService,
    private readonly promotions: PromoteService,
    private readonly present: Presenter,
  ) {}

  @Mutation(() => MemoryModel, {
    description: `Decides on a memory that is PROPOSED or QUARANTINED: approved it is ACTIVE, else REJECTED. FORBIDDEN to its author, and where its
author may no longer propose it; CONFLICT where its content stands in the pool already.`,
  })
  async review(@Caller() caller: Principal, @Args() decision: ReviewArgs): Promise<MemoryModel> {
    return this.present.memory(await this.reviews.review(caller, decision));
  }

  @Mutation(() => MemorizePayload, {
    description: `Copy a memory into another pool, with its provenance; needs READ there and WRITE or PROPOSE here, and REVIEW there too where the copy
could be read by some who cannot read the memory. The copy holds what the caller is shown.`,
  })
  async promote(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
    @Args('toPool', { type: () => String }) toPool: string,
  ): Promise<MemorizePayload> {
    return this.present.memorized(await this.promotions.promote(caller, id, toPool));
  }

  @ResolveField(() => PrincipalModel)
  async reviewer(
    @Parent() { reviewerId }: MemoryReviewModel,
    @Context() { loaders }: RequestContext,
  ): Promise<PrincipalModel> {
    const reviewer = await loaders.principal.load(reviewerId);
    if (!reviewer) throw new CommonplaceError('INTERNAL', `principal ${reviewerId} is missing`);
    return reviewer;
  }
}
