import { GrantsChanged, type AccessService, type Grants } from '#access';
import { CommonplaceError, type Clock } from '#kernel';
import type { MemoryIndex } from '#memory';
import { bulkhead } from 'cockatiel';
import { encodeCursor, expired, type Position } from '../cursor.js';
import { endOf, isTold } from '../endings.js';
import { stillReadable } from '../feed-input.js';
import { readPulse } from '../feed.repository.js';
import { covers } from '../position.js';
import { Audience, type Reading } from './audience.js';
import { CatchUp } from './catch-up.js';
import { Member } from './member.js';
import type { Subscriber, Subscription } from './subscriber.js';

const POLL_MS = 250;
const TICK_MS = 1_000;
const CHECKPOINT_EVERY_MS = 15_000;
const LIVE_READS = 3;
const READS_BEHIND = 2;
const FEW = 4;
const MAX_ADMISSIONS = 10;
const MAX_WAITING_READS = 100_000;

/** Who subscribes, with what it may read and where it begins. */
export interface Joining {
  subscriber: Subscriber<unknown>;
  grants: Grants;
  /** When its key or token ends. */
  until: Date | null;
  poolIds: readonly string[];
  /** Where the subscriber goes on. */
  from: Position;
  /** The end of the log at this moment, in the same pools. */
  head: Position;
}

/** Members of one audience that now see the same as each other, and something else than before. */
interface Move {
  from: Audience;
  grants: Grants;
  poolIds: readonly string[];
  members: Member[];
}

/**
 * One for all subscribers of the process. It looks at the pools' numbers when the doorbell rings and four times a second,
 * has every audience with news read on, and asks again for everybody's access when that may have changed.
 */
export class Hub {
  private readonly audiences = new Map<string, Audience>();
  private readonly members = new Set<Member>();
  private readonly reading: Reading;
  private readonly catchUp = new CatchUp((member, error) => this.mend(error, [member]));
  /** The furthest number known of every pool that somebody subscribes to. */
  private readonly heads = new Map<string, number>();
  private readonly behind = new Set<Audience>();
  private generation = 0;
  private epoch: string | undefined;
  private woken = false;
  private tailing: Promise<void> | undefined;
  private admitting: Promise<void> | undefined;
  private timers: NodeJS.Timeout[] = [];
  private failing = false;
  private closed = false;

  constructor(
    private readonly access: AccessService,
    index: MemoryIndex,
    clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {
    const slots = { live: bulkhead(LIVE_READS, MAX_WAITING_READS), behind: bulkhead(READS_BEHIND, MAX_WAITING_READS) };
    this.reading = { access, index, clock, slots };
  }

  /** How many subscribe at this moment. */
  get size(): number {
    return this.members.size;
  }

  /** @returns undefined where the grants are older than what is known here: admit the subscriber anew */
  join({ subscriber, grants, until, poolIds, from, head }: Joining): Subscription | undefined {
    if (grants.generation < this.generation) return undefined;
    const audience = this.audienceFor(grants, poolIds, head);
    const member = new Member(subscriber, audience, encodeCursor(from), () => void this.catchUp.run(member));
    member.until = until;
    this.members.add(member);
    audience.members.add(member);
    this.generation ||= grants.generation;
    if (this.timers.length === 0) this.start();
    void this.catchUp.run(member);
    return { resume: () => member.resume(), leave: () => this.leave(member) };
  }

  /** Something may have been written, or access changed. */
  wake(): void {
    if (this.closed) return;
    // Few read on at once, and find out for themselves: the look at the pools first would be as much work again.
    if (this.audiences.size <= FEW) for (const audience of this.audiences.values()) void this.pump(audience);
    else this.look();
  }

  private look(): void {
    if (this.members.size === 0 || this.closed) return;
    this.woken = true;
    this.tailing ??= this.tail().finally(() => (this.tailing = undefined));
  }

  close(): void {
    this.closed = true;
    for (const member of [...this.members]) this.leave(member);
  }

  private start(): void {
    const poll = setInterval(() => this.look(), POLL_MS).unref();
    const tick = setInterval(() => this.checkpoint(), TICK_MS).unref();
    this.timers = [poll, tick];
  }

  private stop(): void {
    this.timers.splice(0).forEach(clearInterval);
    this.heads.clear();
    this.generation = 0;
  }

  private audienceFor(grants: Grants, poolIds: readonly string[], head: Position): Audience {
    const filter = grants.readFilter.narrow(poolIds);
    const known = this.audiences.get(filter.sameness());
    known?.renew(grants);
    if (known) return known;
    const audience = new Audience(this.reading, grants, filter, head);
    this.audiences.set(audience.key, audience);
    for (const [poolId, seq] of head.seqs) this.heads.set(poolId, Math.max(seq, this.heads.get(poolId) ?? 0));
    // What was written since its head was read may have been told to the others already.
    this.behind.add(audience);
    return audience;
  }

  private leave(member: Member, reason?: CommonplaceError): void {
    if (!this.members.delete(member)) return;
    this.quit(member);
    member.leave(reason);
    if (this.members.size === 0) this.stop();
  }

  /** Out of its audience, which ends with its last member. */
  private quit(member: Member): void {
    const { audience } = member;
    audience.members.delete(member);
    if (audience.members.size > 0) return;
    if (this.audiences.get(audience.key) === audience) this.audiences.delete(audience.key);
    this.behind.delete(audience);
  }

  private checkpoint(): void {
    const before = Date.now() - CHECKPOINT_EVERY_MS;
    for (const audience of this.audiences.values()) audience.checkpoint(before).catch((error) => this.report(error));
  }

  private async tail(): Promise<void> {
    while (this.woken && !this.closed) {
      this.woken = false;
      try {
        await this.lookAround();
        this.failing = false;
      } catch (error) {
        // The next poll tries again, from the same places.
        this.report(error);
      }
    }
  }

  private async lookAround(): Promise<void> {
    const pulse = await this.access.system('tail', (unit) => readPulse(unit, this.access.orgId, this.heads));
    this.checkEpoch(pulse.epoch);
    const moved = new Map(pulse.moved.map(({ poolId, seq }) => [poolId, seq]));
    for (const [poolId, seq] of moved) this.heads.set(poolId, seq);
    const hasExpired = ({ until }: Audience) => until !== null && until <= pulse.now;
    const audiences = [...this.audiences.values()];
    if (pulse.generation !== this.generation || audiences.some(hasExpired)) await this.admitAll();
    if (moved.size > 0)
      for (const audience of this.audiences.values())
        if (!covers(audience.position.seqs, moved)) this.behind.add(audience);
    for (const audience of this.behind) void this.pump(audience);
  }

  private async pump(audience: Audience): Promise<void> {
    this.behind.delete(audience);
    try {
      await audience.pump();
    } catch (error) {
      if (audience.members.size > 0) this.behind.add(audience);
      await this.mend(error, [...audience.members]);
    }
  }

  /** After a reading that failed: what can be told ends its subscribers; anything else is tried again by who was reading. */
  private async mend(error: unknown, readers: readonly Member[]): Promise<void> {
    try {
      if (error instanceof GrantsChanged) {
        await this.admitAll();
        this.look();
      } else if (isTold(error)) for (const member of readers) this.leave(member, error);
      else this.report(error);
    } catch (failure) {
      this.report(failure);
    }
  }

  /** A database that is gone is one line in the log, and not four a second. */
  private report(error: unknown): void {
    const isNew = !this.failing || !(error instanceof CommonplaceError);
    this.failing = true;
    if (isNew && !this.closed) this.onError(error);
  }

  private checkEpoch(epoch: string): void {
    const before = this.epoch;
    this.epoch = epoch;
    if (before === undefined || before === epoch) return;
    const reason = expired('a backup was restored');
    for (const member of [...this.members]) this.leave(member, reason);
  }

  /** What everybody may see by now. Whoever sees something else than before goes on in another audience. */
  private admitAll(): Promise<void> {
    this.admitting ??= this.admitUntilItHolds().finally(() => (this.admitting = undefined));
    return this.admitting;
  }

  /** Edits may follow each other faster than everybody is moved; the next poll tries again where this has not been enough. */
  private async admitUntilItHolds(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.admitAgain();
      } catch (error) {
        if (!(error instanceof GrantsChanged) || attempt === MAX_ADMISSIONS) throw error;
      }
    }
  }

  private async admitAgain(): Promise<void> {
    const members = [...this.members];
    const admissions = await this.access.admit(members.map(({ subscriber }) => subscriber.principal));
    const moves = new Map<string, Move>();
    for (const [place, member] of members.entries()) {
      const admission = admissions[place] as (typeof admissions)[number];
      if (member.left) continue;
      if ('ended' in admission) this.leave(member, endOf(admission.ended));
      else this.place(member, admission, moves);
    }
    for (const move of moves.values()) await this.move(move);
    // Not before all have moved: until then the next poll does this again.
    for (const admission of admissions)
      if ('grants' in admission) this.generation = Math.max(this.generation, admission.grants.generation);
  }

  private place(member: Member, { grants, until }: { grants: Grants; until: Date | null }, moves: Map<string, Move>) {
    member.until = until;
    const { audience, subscriber } = member;
    try {
      const filter = grants.readFilter.narrow(stillReadable(grants, subscriber.input));
      if (filter.sameness() === audience.key) return audience.renew(grants);
      const way = `${audience.key} ${filter.sameness()}`;
      const move = moves.get(way) ?? { from: audience, grants, poolIds: filter.poolIds, members: [] };
      moves.set(way, move);
      move.members.push(member);
    } catch (error) {
      this.leave(member, error as CommonplaceError);
    }
  }

  /** Live members go on where their audience stands, all at once; others find their place by themselves. */
  private async move({ from, grants, poolIds, members }: Move): Promise<void> {
    const head = await from.headOn(grants, poolIds);
    const count = this.audiences.size;
    const to = this.audienceFor(grants, poolIds, head);
    const isNew = this.audiences.size > count;
    for (const member of members) {
      if (member.left || member.audience !== from) continue;
      const goesAlong = isNew && member.isUpToDate && from.position === head.before;
      member.fallBehind();
      this.quit(member);
      member.audience = to;
      to.members.add(member);
      if (goesAlong) {
        member.enlist();
        member.goLive();
      } else {
        member.owesScope = true;
        void this.catchUp.run(member);
      }
    }
    if (isNew) await to.announceScope();
  }
}
