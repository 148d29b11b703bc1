import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../broker-client.js';
import { FEED, FEED_CURSOR, type FeedEvent } from './documents.js';
import { type Member } from './team.js';

/** They carry a cursor or a hint, and no change of a memory. */
const CONTROL_KINDS = new Set(['CHECKPOINT', 'SCOPE_CHANGED']);
const PATIENCE_MS = 15_000;
const QUIET_MS = 600;

/** The feed of one agent from now on, each event once. */
export class FeedWatch {
  readonly events: FeedEvent[] = [];
  /** Why the feed ended before it was closed. */
  problem: string | undefined;
  private readonly seen = new Set<string>();
  private closed = false;

  private constructor(readonly member: Member) {}

  /** From a cursor taken first: what is written while the socket is still opening is told too. */
  static async open(member: Member): Promise<FeedWatch> {
    const { feedCursor } = await member.client.request<{ feedCursor: string }>(FEED_CURSOR);
    const watch = new FeedWatch(member);
    void watch.listen(feedCursor);
    return watch;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.member.client.close();
  }

  hasHeardOf(memoryId: string): boolean {
    return this.events.some((event) => event.memoryId === memoryId || event.memory?.id === memoryId);
  }

  /** Events of pools that the agent may not read; there must be none. */
  foreign(): FeedEvent[] {
    return this.events.filter(({ poolKey, memory }) =>
      [poolKey, memory?.pool.key].some((key) => key != null && !this.member.readable.has(key)),
    );
  }

  private async listen(after: string): Promise<void> {
    try {
      for await (const { memoryFeed } of this.member.client.subscribe<{ memoryFeed: FeedEvent }>(FEED, {
        input: { after },
      })) {
        this.take(memoryFeed);
      }
      if (!this.closed) this.problem = 'the broker ended the feed';
    } catch (error) {
      if (!this.closed) this.problem = describeError(error);
    }
  }

  private take(event: FeedEvent): void {
    if (CONTROL_KINDS.has(event.kind) || this.seen.has(event.id)) return;
    this.seen.add(event.id);
    this.events.push(event);
  }
}

/** Memories of the run in pools that the watcher may read, and which of them it never heard of. */
export function unheard(watch: FeedWatch, changed: ReadonlyMap<string, string>): string[] {
  return [...changed]
    .filter(([id, pool]) => watch.member.readable.has(pool) && !watch.hasHeardOf(id))
    .map(([id]) => id);
}

/** Until every feed has told all that it must, or patience ends; then until nothing more comes. */
export async function settle(watches: FeedWatch[], changed: ReadonlyMap<string, string>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  const waiting = () => watches.some((watch) => !watch.problem && unheard(watch, changed).length > 0);
  while (waiting() && Date.now() < end) await sleep(50);
  const count = () => watches.reduce((sum, watch) => sum + watch.events.length, 0);
  for (let before = -1; before !== count() && Date.now() < end;) {
    before = count();
    await sleep(QUIET_MS);
  }
}
