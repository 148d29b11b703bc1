import { setTimeout as pause } from 'node:timers/promises';
import { type AccessService, type Grants, type ReadFilter } from '#access';
import type { Clock } from '#kernel';
import type { BulkheadPolicy } from 'cockatiel';
import type { MemoryIndex } from '#memory';
import type { Position } from '../cursor.js';
import { isWanted } from '../feed-input.js';
import { readHeads } from '../feed.repository.js';
import { notice, readPage, viewOf, type Page } from '../log-page.js';
import { covers, rebase } from '../position.js';
import { Cohort, type Prepared } from './cohort.js';
import type { Member } from './member.js';
import { tell, type Subscriber, type Telling } from './subscriber.js';

/**
 * After a reading the audience rests for as long as it took, and as long again for each eight events of it: where much is written,
 * more is read at once instead of more often, and writers keep their share of the machine. No longer than 25 ms, or a millisecond
 * an event: at full speed some 100 events are then read at once, for a quarter less work than 30.
 */
const EVENTS_OF_A_REST = 8;
const LONG_REST_MS = 25;

const restAfter = (tookMs: number, looked: number): number =>
  Math.min(tookMs * (1 + looked / EVENTS_OF_A_REST), Math.max(LONG_REST_MS, looked));

export interface Reading {
  access: AccessService;
  index: MemoryIndex;
  clock: Clock;
  /** Who has fallen behind must not take the connections of those who have not. */
  slots: { live: BulkheadPolicy; behind: BulkheadPolicy };
}

/**
 * Subscribers that see alike: same rows and fields, same pools. The log is read once for all of them, each time under the
 * fence; nothing is told on an authority that is older than the reading.
 */
export class Audience {
  readonly members = new Set<Member>();
  readonly poolIds: readonly string[];
  private readonly cohorts = new Map<string, Cohort>();
  private turn: Promise<unknown> = Promise.resolve();
  private nextPump: Promise<void> | undefined;
  private restUntil = 0;

  constructor(
    private readonly reading: Reading,
    readonly key: string,
    private grants: Grants,
    private readonly filter: ReadFilter,
    /** How far the log was read for the live members. */
    public position: Position,
  ) {
    this.poolIds = filter.poolIds;
  }

  get policyVersion(): number {
    return this.grants.policyVersion;
  }

  /** The same, under newer grants. Older ones, of somebody who was admitted before, change nothing. */
  renew(grants: Grants): void {
    if (grants.generation >= this.grants.generation) this.grants = grants;
  }

  /** When the first of its members has to be admitted anew, or a statement of the policy ends. */
  get until(): Date | null {
    let earliest = this.grants.validUntil;
    for (const { until } of this.members) if (until && (!earliest || until < earliest)) earliest = until;
    return earliest;
  }

  cohortOf(subscriber: Subscriber<unknown>): Cohort {
    const key = Cohort.keyOf(subscriber);
    let cohort = this.cohorts.get(key);
    if (!cohort) this.cohorts.set(key, (cohort = new Cohort(subscriber, () => this.cohorts.delete(key))));
    return cohort;
  }

  /** @throws GrantsChanged, CURSOR_EXPIRED */
  async read(from: Position, upTo?: ReadonlyMap<string, number>): Promise<Page> {
    const { access, index, clock, slots } = this.reading;
    const space = await index.space();
    const lane = upTo ? slots.behind : slots.live;
    return lane.execute(() => {
      // Not before its turn has come: grants that were taken when it began to wait would often be too old by then.
      const { grants } = this;
      const view = viewOf(grants, this.filter.together(), { orgId: access.orgId, now: clock.now(), space });
      return access.readTogether(grants, this.until, (unit) => readPage(unit, view, from, { upTo }));
    });
  }

  /** Reads on to the end of the log and tells the live members. Called again meanwhile, it goes on once more. */
  pump(): Promise<void> {
    this.nextPump ??= this.inTurn(async () => {
      const rest = this.restUntil - performance.now();
      if (rest > 0) await pause(rest);
      this.nextPump = undefined;
      const since = performance.now();
      const looked = await this.readOn();
      const took = performance.now() - since;
      this.restUntil = since + took + restAfter(took, looked);
    });
    return this.nextPump;
  }

  /**
   * Takes the member among those whom it tells, from the place that is answered: between two readings, for what is read
   * already was read under the access of those who were there.
   */
  enlist(member: Member): Promise<ReadonlyMap<string, number>> {
    return this.inTurn(() => {
      if (!member.left && member.audience === this) member.enlist();
      return Promise.resolve(this.position.seqs);
    });
  }

  /** Reads on until it is as far as the place in each of its pools; the log is known to be. */
  async reach(position: Position): Promise<void> {
    for (let attempt = 0; attempt < 3 && !covers(this.position.seqs, position.seqs); attempt++) await this.pump();
  }

  /** Where somebody with this position goes on here, and whether the pools are others. */
  rebase(position: Position): { position: Position; changed: boolean } {
    return rebase(position, this.position.seqs, this.grants.pools);
  }

  /** The place for those who go on elsewhere: where they stand here, and in pools that are new to them as `rebase` has it. */
  async headOn(grants: Grants, poolIds: readonly string[]): Promise<{ position: Position; before: Position }> {
    const before = this.position;
    const gained = poolIds.filter((id) => !before.seqs.has(id));
    const { orgId } = this.reading.access;
    const heads = await this.reading.access.readTogether(grants, null, (unit) => readHeads(unit, orgId, gained));
    const now = new Map(heads.map(({ poolId, seq }) => [poolId, seq]));
    const seqs = new Map(poolIds.map((id) => [id, before.seqs.get(id) ?? now.get(id) ?? 0]));
    return { position: rebase(before, seqs, grants.pools).position, before };
  }

  /** A CHECKPOINT for the cohorts that have not heard of anything since `before`. */
  async checkpoint(before: number): Promise<void> {
    const quiet = [...this.cohorts.values()].filter((cohort) => cohort.lastTold <= before);
    // From now on, and not when it is their turn: a slow turn must not gather one for each second.
    for (const cohort of quiet) cohort.lastTold = Date.now();
    if (quiet.length > 0) await this.announce('CHECKPOINT', quiet);
  }

  announceScope(): Promise<void> {
    return this.announce('SCOPE_CHANGED', [...this.cohorts.values()]);
  }

  /** The same for one that reads for itself. */
  tellingsFor(subscriber: Subscriber<unknown>, page: Page): Promise<Telling<unknown>[]> {
    const { shape, input, principal } = subscriber;
    const events = page.events.filter(
      ({ memory, onlyFor }) => isWanted(memory, input) && (onlyFor ?? principal.id) === principal.id,
    );
    const told = events.map(({ event }) => event);
    // All of a full page was for others: the subscriber still learns how far it came.
    if (told.length === 0 && page.full) told.push(notice('CHECKPOINT', page.position, this.policyVersion));
    return Promise.all(told.map((event) => tell(shape, event, principal)));
  }

  private announce(kind: 'CHECKPOINT' | 'SCOPE_CHANGED', cohorts: readonly Cohort[]): Promise<void> {
    return this.inTurn(async () => {
      const event = notice(kind, this.position, this.policyVersion);
      for (const cohort of cohorts) await cohort.announce(event);
    });
  }

  /** One after another: a notice must not overtake an event, nor come behind one of a later place. */
  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  /** @returns how many events it went past */
  private async readOn(): Promise<number> {
    let looked = 0;
    for (let full = true; full;) {
      const page = await this.read(this.position);
      full = page.full;
      const checkpoint = () => notice('CHECKPOINT', page.position, this.policyVersion);
      const prepared = new Map<Cohort, Prepared>();
      for (const cohort of [...this.cohorts.values()]) prepared.set(cohort, await cohort.prepare(page, checkpoint));
      for (const [cohort, ready] of prepared) cohort.distribute(ready, page.looked);
      this.position = page.position;
      looked += page.looked;
    }
    return looked;
  }
}
