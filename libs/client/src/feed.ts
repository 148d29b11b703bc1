import { createClient, type Client } from 'graphql-ws/client';
import { CommonplaceFailure, failureFrom, type ToldError } from './failure.js';
import { FeedDocument, type FeedInput, type FeedSubscription } from './generated.js';
import { pause } from './request.js';

export type FeedEvent = FeedSubscription['memoryFeed'];

export interface FeedOptions extends Omit<FeedInput, 'after'> {
  /** The cursor of the last event that was dealt with; by default from now on. */
  after?: string | null | undefined;
  signal?: AbortSignal | undefined;
}

export interface FeedPlace {
  /** ws:// or wss:// */
  url: string;
  key: string;
  webSocket: unknown;
}

/** The broker says something every 15 s: after three times of silence nobody is there. */
const SILENCE_MS = 45_000;
/** So many may wait for whoever takes them; then the line is let go, and taken up again behind the last one. */
const MOST_WAITING = 1_000;
const MOST_KNOWN = 10_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** Coming back would change nothing. */
const FINAL = [
  'ACCESS_REVOKED',
  'CURSOR_EXPIRED',
  'BAD_INPUT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'QUOTA_EXCEEDED',
  'GRAPHQL_VALIDATION_FAILED',
];
const FINAL_CLOSES = [4400, 4401, 4403, 4406, 4409, 4429];

/**
 * Every event from the cursor on, each once, for as long as it is asked for: over lost connections and restarts of brokers.
 * @throws CommonplaceFailure when coming back would change nothing, such as ACCESS_REVOKED or CURSOR_EXPIRED.
 */
export async function* follow(
  place: FeedPlace,
  { signal, ...selection }: FeedOptions,
  cursorOfNow: () => Promise<string>,
): AsyncGenerator<FeedEvent, void, undefined> {
  let after = selection.after ?? null;
  const known = new Set<string>();
  let rest = FIRST_PAUSE_MS;
  const takeBreath = async () => {
    await pause(rest * (0.5 + Math.random()), signal).catch(() => undefined);
    rest = Math.min(rest * 2, LONGEST_PAUSE_MS);
  };
  while (!signal?.aborted) {
    // Taken before the first connection, which may be lost before it has told of any.
    after ??= await cursorOfNow().catch(onlyPassing);
    if (after === null) {
      await takeBreath();
      continue;
    }
    const line = new Line(place, { ...selection, after }, signal);
    try {
      for (let event = await line.next(); event; event = await line.next()) {
        rest = FIRST_PAUSE_MS;
        after = event.cursor;
        if (known.has(event.id)) continue;
        if (known.size >= MOST_KNOWN) known.clear();
        known.add(event.id);
        yield event;
      }
    } finally {
      line.close();
    }
    if (line.failure && isFinal(line.failure)) throw line.failure;
    await takeBreath();
  }
}

/** @throws what coming back would not change */
function onlyPassing(error: unknown): null {
  if (error instanceof CommonplaceFailure && isFinal(error)) throw error;
  return null;
}

const isFinal = ({ code }: CommonplaceFailure): boolean => FINAL.includes(code);

/** One connection with one subscription, for as long as it lasts. */
class Line {
  /** Why it has ended, where a reason was given. */
  failure: CommonplaceFailure | undefined;
  private readonly waiting: FeedEvent[] = [];
  private readonly client: Client;
  private ended = false;
  private wake: () => void = () => undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private readonly abort = () => this.end();

  constructor(
    { url, key, webSocket }: FeedPlace,
    input: FeedInput,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.client = createClient({
      url,
      webSocketImpl: webSocket,
      connectionParams: { authorization: `Bearer ${key}` },
      retryAttempts: 0,
    });
    signal?.addEventListener('abort', this.abort, { once: true });
    this.listenFor();
    this.client.subscribe<FeedSubscription>(
      { query: FeedDocument, variables: { input } },
      {
        next: ({ data, errors }) => {
          if (errors) this.end(failureFrom(errors as readonly ToldError[]));
          else if (data) this.take(data.memoryFeed);
        },
        error: (error) => this.end(asFailure(error)),
        complete: () => this.end(),
      },
    );
  }

  /** Undefined when the line has ended and all that it brought was taken. */
  async next(): Promise<FeedEvent | undefined> {
    while (this.waiting.length === 0 && !this.ended) await new Promise<void>((resolve) => (this.wake = resolve));
    return this.signal?.aborted ? undefined : this.waiting.shift();
  }

  close(): void {
    this.end();
    this.signal?.removeEventListener('abort', this.abort);
  }

  private take(event: FeedEvent): void {
    if (this.ended) return;
    this.listenFor();
    this.waiting.push(event);
    this.wake();
    if (this.waiting.length >= MOST_WAITING) this.end();
  }

  private listenFor(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.end(), SILENCE_MS);
  }

  private end(failure?: CommonplaceFailure): void {
    if (this.ended) return;
    this.ended = true;
    this.failure = failure;
    clearTimeout(this.silence);
    // Not terminate(): closed while it connects, the socket of ws throws where nobody listens any more.
    void Promise.resolve(this.client.dispose()).catch(() => undefined);
    this.wake();
  }
}

/** graphql-ws gives what ended a subscription: errors, the close of the socket, or what the socket threw. */
function asFailure(error: unknown): CommonplaceFailure {
  if (Array.isArray(error)) return failureFrom(error as ToldError[]);
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown };
  if (typeof code === 'number' && FINAL_CLOSES.includes(code))
    return new CommonplaceFailure('UNAUTHENTICATED', `the broker closed the feed with ${code}: ${String(reason)}`);
  return new CommonplaceFailure('UNREACHABLE', 'the connection was lost', {}, { cause: error });
}
