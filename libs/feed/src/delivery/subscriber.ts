import type { Principal } from '#access';
import type { CommonplaceError } from '#kernel';
import type { FeedEvent } from '../event.js';
import type { FeedInput } from '../feed-input.js';

/** How a subscriber is told: those of one `key` are told the same words, made once for all of them. */
export interface Shape<Told> {
  key: string;
  /** Whether the words depend on who is told. */
  personal: boolean;
  render(event: FeedEvent, as: Principal): Promise<Told>;
}

/** One thing to tell, and the place behind it. */
export interface Telling<Told> {
  told: Told;
  /** Of the words, in characters. */
  length: number;
  cursor: string;
}

/** Where tellings go. A transport has one for each of its subscriptions. */
export interface Sink<Told> {
  /** How many it takes at this moment, at most. After 0 it calls `resume` as soon as it takes more. */
  room(): number;
  /** Takes as many as it has room for, one at least, from `tellings[from]` on. @returns the place behind them */
  send(tellings: readonly Telling<Told>[], from: number): number;
  /** Nothing comes after this. UNAUTHENTICATED: the key or token has expired. */
  end(reason: CommonplaceError): void;
}

export interface Subscriber<Told> {
  principal: Principal;
  input: FeedInput;
  shape: Shape<Told>;
  sink: Sink<Told>;
}

/** What a transport holds in its hand. */
export interface Subscription {
  /** The sink takes more. */
  resume(): void;
  leave(): void;
}

export async function tell<Told>(shape: Shape<Told>, event: FeedEvent, as: Principal): Promise<Telling<Told>> {
  const told = await shape.render(event, as);
  return { told, length: typeof told === 'string' ? told.length : 0, cursor: event.cursor };
}
