import type { Principal } from '#access';
import { ConversationsService, type ShownExtraction } from '#memory';
import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Caller } from './context.js';
import { ExtractionModel, MemorizeConversationInput, MemorizeConversationPayload } from './extraction.model.js';
import { Presenter } from './presenter.js';

@Resolver(() => ExtractionModel)
export class ExtractionResolver {
  constructor(
    private readonly conversations: ConversationsService,
    private readonly presenter: Presenter,
  ) {}

  @Mutation(() => MemorizeConversationPayload, {
    description: `Stores the turns of a conversation as EPISODIC memories and answers at once; a language model then reads them for what is worth
keeping. What stands between <recalled-memories> and </recalled-memories> is left out: it is remembered already.`,
  })
  async memorizeConversation(
    @Caller() caller: Principal,
    @Args('input') input: MemorizeConversationInput,
  ): Promise<MemorizeConversationPayload> {
    const { results, extraction } = await this.conversations.memorizeConversation(caller, input);
    return {
      results: await Promise.all(results.map((result) => this.presenter.memorized(result))),
      extraction: await this.present(extraction),
    };
  }

  @Query(() => ExtractionModel, { nullable: true, description: "One of the caller's own." })
  async extraction(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
  ): Promise<ExtractionModel | null> {
    const found = await this.conversations.extraction(caller, id);
    return found && this.present(found);
  }

  @Mutation(() => ExtractionModel, {
    description: 'Goes on where it stopped, under the key of the caller. CONFLICT where it has SUCCEEDED.',
  })
  async retryExtraction(
    @Caller() caller: Principal,
    @Args('id', { type: () => ID }) id: string,
  ): Promise<ExtractionModel> {
    return this.present(await this.conversations.retryExtraction(caller, id));
  }

  private async present({ poolId, turns, derived, superseded, ...rest }: ShownExtraction): Promise<ExtractionModel> {
    return {
      ...rest,
      pool: await this.presenter.pool(poolId),
      turns: await this.presenter.memories(turns),
      derived: await this.presenter.memories(derived),
      superseded: await this.presenter.memories(superseded),
    };
  }
}
