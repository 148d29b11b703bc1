import type { Principal } from '#access';
import { EraseService } from '#memory';
import { Args, Field, ID, InputType, Int, Mutation, ObjectType, Resolver } from '@nestjs/graphql';
import { Caller } from './context.js';
import { DateTime } from './scalars.js';

@InputType('EraseInput', { description: 'Either an id or an entityId.' })
export class EraseInputModel {
  @Field(() => ID, { nullable: true }) id?: string | null;
  @Field(() => String, {
    nullable: true,
    description: 'All that you see of it; at most 500, with what was made of them.',
  })
  entityId?: string | null;
  @Field(() => String, { nullable: true, description: 'At most 1,000 characters; kept with the tombstones.' })
  reason?: string | null;
}

@ObjectType('ErasureReceipt')
export class ErasureReceiptModel {
  @Field(() => DateTime) at: Date;
  @Field(() => [ID], { description: 'All that were erased: what was named, and what was made of it.' }) ids: string[];
  @Field(() => Int, { description: 'How many of them were made of others.' }) derived: number;
  @Field(() => Int) revisions: number;
  @Field(() => Int) vectors: number;
  @Field(() => String, {
    description: 'SHA-256 over the ids in ascending order, a line each. It stands in the audit log under memory.erase.',
  })
  digest: string;
}

@Resolver(() => ErasureReceiptModel)
export class ErasureResolver {
  constructor(private readonly erasures: EraseService) {}

  @Mutation(() => ErasureReceiptModel, {
    description: `Removes memories for good, and with them all that was made of them: promoted copies, summaries, what was learnt from them. Needs FORGET
on each; where that is lacking for one of them nothing is erased.`,
  })
  erase(@Caller() caller: Principal, @Args('input') input: EraseInputModel): Promise<ErasureReceiptModel> {
    return this.erasures.erase(caller, input);
  }
}
