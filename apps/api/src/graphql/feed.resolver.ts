import { FeedService, type FeedInput } from '#feed';
import type { Principal } from '#access';
import { Args, Query, Resolver, Subscription } from '@nestjs/graphql';
import { Caller } from './context.js';
import { FeedInputModel } from './memory.input.js';
import { FeedSource } from '../streams/feed-source.js';
import { MemoryEventModel } from './memory.model.js';
import { Presenter } from './presenter.js';

@Resolver()
export class FeedResolver {
  constructor(
    private readonly feed: FeedService,
    private readonly present: Presenter,
  ) {}

  @Query(() => String, {
    description:
      'A cursor for memoryFeed that stands at this moment: take it, list, then subscribe from it, and nothing is missed.',
  })
  feedCursor(@Caller() caller: Principal): Promise<string> {
    return this.feed.cursor(caller);
  }

  @Subscription(() => MemoryEventModel, { resolve: (event: unknown) => event })
  memoryFeed(
    @Caller() caller: Principal,
    @Args('input', { type: () => FeedInputModel, nullable: true }) input: FeedInputModel | null,
  ): AsyncIterableIterator<MemoryEventModel> {
    return new FeedSource(caller, input ?? {}, (signal) => this.events(caller, input ?? {}, signal));
  }

  private async *events(caller: Principal, input: FeedInput, signal: AbortSignal): AsyncGenerator<MemoryEventModel> {
    for await (const event of this.feed.subscribe(caller, input, signal)) yield this.present.event(event);
  }
}
