import type { Principal } from '#access';
import type { FeedInput } from '#feed';

/**
 * What the resolver of memoryFeed answers: who subscribes to what. The transports tell it through the hub; as an iterable
 * it is there for graphql-js, which takes nothing else, and for executions that know no transport.
 */
export class FeedSource<Item> implements AsyncIterableIterator<Item> {
  private items: AsyncGenerator<Item> | undefined;
  private readonly abort = new AbortController();

  constructor(
    readonly principal: Principal,
    readonly input: FeedInput,
    private readonly open: (signal: AbortSignal) => AsyncGenerator<Item>,
  ) {}

  next(): Promise<IteratorResult<Item>> {
    this.items ??= this.open(this.abort.signal);
    return this.items.next();
  }

  /** A generator that waits cannot be told to return before it wakes; the signal wakes it. */
  async return(): Promise<IteratorResult<Item>> {
    this.abort.abort();
    await this.items?.return(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
