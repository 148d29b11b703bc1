import { GrantsChanged, type AccessService } from '#access';
import { CommonplaceError, type Clock } from '#kernel';
import type { MemoryIndex } from '#memory';
import { bulkhead } from 'cockatiel';
import { expired } from '../cursor.js';
import { isTold } from '../endings.js';
import { readPulse } from '../feed.repository.js';
import { covers } from '../position.js';
import type { Audience } from './audience.js';
import { CatchUp } from './catch-up.js';
import type { Member } from './member.js';
import { Roster, type Joining } from './roster.js';
import type { Subscription } from './subscriber.js';

const POLL_MS = 250;
const TICK_MS = 1_000;
const CHECKPOINT_EVERY_MS = 15_000;
const LIVE_READS = 3;
const READS_BEHIND = 2;
const MAX_WAITING_READS = 100_000;
const FEW = 4;
const MAX_ADMISSIONS = 10;

/**
 * One for all subscribers of the process. It looks at the pools' numbers when the doorbell rings and four times a second,
 * has every audience with news read on, and asks again for everybody's access when that may have changed.
 */
export class Hub {
  private readonly roster: Roster;
  private readonly catchUp = new CatchUp((member, error) => this.mend(error, [member]));
  /** Audiences that have not read all that is there. */
  private readonly behind = new Set<Audience>();
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
    this.roster = new Roster(
      access,
      { access, index, clock, slots },
      (member) => void this.catchUp.run(member),
      (audience) => this.behind.add(audience),
    );
  }

  /** How many subscribe at this moment. */
  get size(): number {
    return this.roster.members.size;
  }

  /** @returns undefined where the grants are not those that everybody here was admitted with: admit the subscriber anew */
  async join(joining: Joining): Promise<Subscription | undefined> {
    const { roster } = this;
    if (this.closed) throw new CommonplaceError('UNAVAILABLE', 'The broker stops.', { retryAfterMs: 1_000 });
    if (this.admitting) return void (await this.admitting.catch(() => undefined));
    const { generation } = joining.grants;
    if (roster.members.size > 0 && generation !== roster.generation)
      return void (generation > roster.generation && (await this.admitAll()));
    const member = roster.add(joining);
    if (this.timers.length === 0) this.start();
    void this.catchUp.run(member);
    return { resume: () => member.resume(), leave: () => this.remove(member) };
  }

  /** Something may have been written, or access changed. */
  wake(): void {
    if (this.closed) return;
    // Few read on at once, and find out for themselves: the look at the pools first would be as much work again.
    const { audiences } = this.roster;
    if (audiences.size <= FEW) for (const audience of audiences.values()) void this.pump(audience);
    else this.look();
  }

  close(): void {
    this.closed = true;
    for (const member of [...this.roster.members]) this.remove(member);
  }

  private look(): void {
    if (this.size === 0 || this.closed) return;
    this.woken = true;
    this.tailing ??= this.tail().finally(() => (this.tailing = undefined));
  }

  private start(): void {
    const poll = setInterval(() => this.look(), POLL_MS).unref();
    const tick = setInterval(() => this.checkpoint(), TICK_MS).unref();
    this.timers = [poll, tick];
  }

  private remove(member: Member, reason?: CommonplaceError): void {
    this.roster.remove(member, reason);
    if (this.size === 0) this.timers.splice(0).forEach(clearInterval);
  }

  private checkpoint(): void {
    const before = Date.now() - CHECKPOINT_EVERY_MS;
    for (const audience of this.roster.audiences.values())
      audience.checkpoint(before).catch((error) => this.report(error));
  }

  private async tail(): Promise<void> {
    while (this.woken && !this.closed) {
      this.woken = false;
      try {
        await this.lookAround();
        this.failing = false;
      } catch (error) {
        // The next poll tries again, from the same places.
        if (!(error instanceof GrantsChanged)) this.report(error);
      }
    }
  }

  private async lookAround(): Promise<void> {
    const { roster } = this;
    const pulse = await this.access.system('tail', (unit) => readPulse(unit, this.access.orgId, roster.heads));
    this.checkEpoch(pulse.epoch);
    const moved = new Map(pulse.moved.map(({ poolId, seq }) => [poolId, seq]));
    for (const [poolId, seq] of moved) roster.heads.set(poolId, seq);
    // Before access is asked for, which may fail: what has moved is found once.
    if (moved.size > 0)
      for (const audience of roster.audiences.values())
        if (!covers(audience.position.seqs, moved)) this.behind.add(audience);
    const hasExpired = [...roster.audiences.values()].some(({ until }) => until !== null && until <= pulse.now);
    if (pulse.generation !== roster.generation || hasExpired) await this.admitAll();
    for (const audience of this.behind) void this.pump(audience);
  }

  private async pump(audience: Audience): Promise<void> {
    this.behind.delete(audience);
    if (audience.members.size === 0) return;
    try {
      await audience.pump();
    } catch (error) {
      this.behind.add(audience);
      await this.mend(error, [...audience.members]);
    }
  }

  /**
   * After a reading that failed: what can be told ends its subscribers; anything else is tried again by who was reading.
   * @returns whether it can be at once
   */
  private async mend(error: unknown, readers: readonly Member[]): Promise<boolean> {
    try {
      if (error instanceof GrantsChanged) {
        await this.admitAll();
        this.look();
        return true;
      }
      if (isTold(error)) for (const member of readers) this.remove(member, error);
      else this.report(error);
    } catch (failure) {
      // Edits without a pause: the next poll admits again.
      if (!(failure instanceof GrantsChanged)) this.report(failure);
    }
    return false;
  }

  /** A database that is gone is one line in the log, and not four a second. */
  private report(error: unknown): void {
    const isNew = !this.failing || !(error instanceof CommonplaceError);
    this.failing = true;
    if (isNew && !this.closed) this.onError(error);
  }

  private checkEpoch(epoch: string): void {
    const reason = expired('a backup was restored');
    for (const member of [...this.roster.members])
      if (member.audience.position.epoch !== epoch) this.remove(member, reason);
  }

  private admitAll(): Promise<void> {
    this.admitting ??= this.admitUntilItHolds().finally(() => (this.admitting = undefined));
    return this.admitting;
  }

  /** Edits may follow each other faster than everybody is moved; the next poll tries again where this has not been enough. */
  private async admitUntilItHolds(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.roster.admitAll();
      } catch (error) {
        if (!(error instanceof GrantsChanged) || attempt === MAX_ADMISSIONS) throw error;
      }
    }
  }
}
