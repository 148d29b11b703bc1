import type { Principal } from '#access';
import type { CommonplaceError } from '#kernel';
import type { FeedEvent } from '../event.js';
import type { FeedInput } from '../feed-input.js';
import type { Shape, Sink, Subscriber, Subscription } from './subscriber.js';

const INBOX = 64;

/** The event itself. */
const EVENTS: Shape<FeedEvent> = { key: 'event', personal: false, render: (event) => Promise.resolve(event) };

/** A subscription for who asks for one event after another. It ends with `signal`, or throws what ended it. */
export async function* pull(
  join: (subscriber: Subscriber<FeedEvent>) => Promise<Subscription>,
  principal: Principal,
  input: FeedInput,
  signal: AbortSignal,
): AsyncGenerator<FeedEvent> {
  const inbox: FeedEvent[] = [];
  let reason: CommonplaceError | undefined;
  let wake: () => void = () => undefined;
  const sink: Sink<FeedEvent> = {
    room: () => INBOX - inbox.length,
    send: (tellings, from) => {
      const taken = tellings.slice(from, from + INBOX - inbox.length);
      for (const { told } of taken) inbox.push(told);
      wake();
      return from + taken.length;
    },
    end: (why) => {
      reason = why;
      wake();
    },
  };
  if (signal.aborted) return;
  const subscription = await join({ principal, input, shape: EVENTS, sink });
  const stop = () => wake();
  signal.addEventListener('abort', stop);
  try {
    while (!signal.aborted) {
      const event = inbox.shift();
      if (event) {
        if (inbox.length === 0) subscription.resume();
        yield event;
      } else if (reason) throw reason;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener('abort', stop);
    subscription.leave();
  }
}
