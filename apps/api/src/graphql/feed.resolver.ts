import { FeedService, type FeedEvent } from '#feed';
import type { Principal } from '#access';
import { Args, Query, Resolver, Subscription } from '@nestjs/graphql';
import { Caller } from './context.js';
import { FeedInputModel } from './memory.input.js';
import { MemoryEventModel, type MemoryModel } from './memory.model.js';
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
    const { feed, present } = this;
    return endsAtOnce((signal) =>
      presented(feed.subscribe(caller, input ?? {}, signal), (event) => presentEvent(event, present)),
    );
  }
}

async function presentEvent({ memory, ...event }: FeedEvent, present: Presenter): Promise<MemoryEventModel> {
  return { ...event, memory: memory && ((await present.memory(memory)) as MemoryModel) };
}

async function* presented(
  events: AsyncIterable<FeedEvent>,
  present: (event: FeedEvent) => Promise<MemoryEventModel>,
): AsyncGenerator<MemoryEventModel> {
  for await (const event of events) yield present(event);
}

/** A generator that waits cannot be told to return before it wakes; the signal wakes it. */
function endsAtOnce<Item>(start: (signal: AbortSignal) => AsyncGenerator<Item>): AsyncIterableIterator<Item> {
  const abort = new AbortController();
  const items = start(abort.signal);
  return {
    next: () => items.next(),
    return: (value?: unknown) => {
      abort.abort();
      return items.return(value);
    },
    throw: (error) => {
      abort.abort();
      return items.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
