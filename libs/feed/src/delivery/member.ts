import type { CommonplaceError } from '#kernel';
import type { Audience } from './audience.js';
import type { Cohort } from './cohort.js';
import type { Subscriber, Telling } from './subscriber.js';

/**
 * What waits for a subscriber that takes nothing at the moment. One more, and it reads the log for itself later: of many that do so
 * at once, as after a second in which the machine was busy, each costs as much as all of them together did before.
 */
const RING = 1_024;
/** In all, of the words that wait, each divided among those who share it. */
const RING_LENGTH = 256 * 1024;
/** Words that have waited longer are read again: what they say may have been forgotten since. */
const STALE_MS = 2_000;

/**
 * One subscriber in its audience. It is live, told what the audience reads; or it has fallen behind, or has only come, and
 * reads the log for itself from its cursor until it has caught up.
 */
export class Member {
  live = false;
  left = false;
  /** It is to hear that its scope has changed before anything else. */
  owesScope = false;
  /** Where in the hub it belongs; set when it enlists. */
  cohort: Cohort | undefined;
  /** Until when its key or token is good. */
  until: Date | null = null;
  private waiting: Telling<unknown>[] = [];
  private waitingLength = 0;
  private waitingSince = 0;
  private overflowed = false;
  private onRoom: (() => void) | undefined;

  constructor(
    readonly subscriber: Subscriber<unknown>,
    public audience: Audience,
    /** The place behind the last thing told. */
    public cursor: string,
    private readonly onBehind: () => void,
  ) {}

  /** Begins to collect what its audience reads. */
  enlist(): void {
    this.clear();
    this.overflowed = false;
    this.audience.cohortOf(this.subscriber).add(this);
  }

  /** Has told all up to the place where it enlisted. @returns false where what came meanwhile was too much to keep */
  goLive(): boolean {
    if (this.overflowed || !this.cohort) return false;
    this.live = true;
    this.resume();
    return true;
  }

  /** Out of the live lane: what waits is read again later, under the access of that moment. */
  fallBehind(): void {
    this.live = false;
    this.clear();
    this.overflowed = true;
    this.cohort?.remove(this);
  }

  /** From the audience. */
  push(tellings: readonly Telling<unknown>[]): void {
    let from = 0;
    if (this.live && this.waiting.length === 0) from = this.send(tellings, 0);
    if (from === tellings.length) return;
    this.keep(from === 0 ? tellings : tellings.slice(from));
  }

  /** Not told of what its audience has read: it reads that for itself. */
  miss(): void {
    this.fallBehind();
    this.onBehind();
  }

  /** From the sink: it takes more. */
  resume(): void {
    if (this.live && this.waiting.length > 0) this.flush();
    if (this.onRoom && this.subscriber.sink.room() > 0) this.onRoom();
  }

  /** Resolves when the sink takes something, or the member has left. */
  async roomy(): Promise<void> {
    while (!this.left && this.subscriber.sink.room() === 0) {
      await new Promise<void>((resolve) => (this.onRoom = resolve));
      this.onRoom = undefined;
    }
  }

  /** Tells it all, at the pace of the sink. @returns false where it no longer `goesOn`, or took so long that the rest is stale */
  async tell(tellings: readonly Telling<unknown>[], goesOn: () => boolean): Promise<boolean> {
    const since = Date.now();
    for (let from = 0; from < tellings.length;) {
      if (!goesOn() || Date.now() - since > STALE_MS) return false;
      from = this.send(tellings, from);
      if (from < tellings.length) await this.roomy();
    }
    return goesOn();
  }

  leave(reason?: CommonplaceError): void {
    if (this.left) return;
    this.left = true;
    this.fallBehind();
    this.onRoom?.();
    if (reason) this.subscriber.sink.end(reason);
  }

  /** Live, and told all that its audience has read. */
  get isUpToDate(): boolean {
    return this.live && this.waiting.length === 0;
  }

  private keep(tellings: readonly Telling<unknown>[]): void {
    if (this.waiting.length === 0) this.waitingSince = Date.now();
    this.waiting.push(...tellings);
    for (const { length } of tellings) this.waitingLength += length;
    const sharers = this.cohort?.members.size ?? 1;
    if (this.waiting.length > RING || this.waitingLength > RING_LENGTH * sharers) this.miss();
  }

  private flush(): void {
    if (Date.now() - this.waitingSince > STALE_MS) return this.miss();
    for (const { length } of this.waiting.splice(0, this.send(this.waiting, 0))) this.waitingLength -= length;
  }

  private clear(): void {
    this.waiting = [];
    this.waitingLength = 0;
  }

  private send(tellings: readonly Telling<unknown>[], from: number): number {
    const { sink } = this.subscriber;
    if (sink.room() === 0) return from;
    const to = sink.send(tellings, from);
    if (to > from) this.cursor = (tellings[to - 1] as Telling<unknown>).cursor;
    return to;
  }
}
