import { GrantsChanged, type AccessService, type Principal } from '#access';
import { CommonplaceError, type Clock } from '#kernel';
import { LIMITS, optionalText, type MemoryIndex } from '#memory';
import type { Unit } from '#platform';
import { decodeCursor, encodeCursor, expired, type Position } from './cursor.js';
import { Hub } from './delivery/hub.js';
import { pull } from './delivery/pull.js';
import type { Subscriber, Subscription } from './delivery/subscriber.js';
import type { FeedEvent } from './event.js';
import { checkWidth, isWanted, stillReadable, subscribedPools, type FeedInput } from './feed-input.js';
import { readHeads, readLog } from './feed.repository.js';
import { notice, readPage, viewOf } from './log-page.js';
import { rebase } from './position.js';

/** The policy may be edited while a subscription begins; one that is edited this often in a row is an attack. */
const MAX_ADMISSIONS = 12;

/** Why an event that was told before is not told again. */
const GONE: readonly string[] = ['ACCESS_REVOKED', 'CURSOR_EXPIRED'];

/** A part of the log, as one principal may see it at this moment. */
export interface FeedPage {
  events: FeedEvent[];
  /** Behind all that was looked at. */
  cursor: string;
  more: boolean;
}

/** The event log as one principal may see it. */
export class FeedService {
  private readonly hub: Hub;

  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly clock: Clock,
    onError: (error: unknown) => void,
  ) {
    this.hub = new Hub(access, index, clock, onError);
  }

  /** How many subscribe at this moment. */
  get subscribers(): number {
    return this.hub.size;
  }

  /** The place of this moment, in every pool that the caller may see: take it, list, subscribe from it, and nothing is missed. */
  async cursor(caller: Principal): Promise<string> {
    return this.access.read(caller, async (unit, grants) => {
      checkWidth(grants.readFilter.poolIds);
      return encodeCursor(await positionNow(unit, caller.orgId, grants.readFilter.poolIds));
    });
  }

  /**
   * Tells the subscriber of everything from its cursor on, until it leaves or is ended. Every reading asks for its access anew.
   * @throws BAD_INPUT, CURSOR_EXPIRED, ACCESS_REVOKED, UNAUTHENTICATED, QUOTA_EXCEEDED; the same codes end it later
   */
  async join<Told>(subscriber: Subscriber<Told>): Promise<Subscription> {
    const { principal, input } = subscriber;
    optionalText(input.entityId, 'input.entityId', LIMITS.entityId);
    for (let attempt = 1; attempt <= MAX_ADMISSIONS; attempt++) {
      const [admission] = await this.access.admit([principal]);
      if (!admission || 'ended' in admission)
        throw new CommonplaceError('UNAUTHENTICATED', 'The key was revoked or has expired.');
      const { grants, until } = admission;
      const poolIds = subscribedPools(grants, input);
      try {
        const places = await this.access.readTogether(grants, until, (unit) =>
          begin(unit, principal.orgId, poolIds, input),
        );
        const joined = await this.hub.join({ subscriber, grants, until, poolIds, ...places });
        if (joined) return joined;
      } catch (error) {
        if (!(error instanceof GrantsChanged)) throw error;
      }
    }
    throw new CommonplaceError('UNAVAILABLE', 'The policy keeps changing; try again.', { retryAfterMs: 100 });
  }

  /** The same, for who asks for one event after another. Endless, until `signal` fires. @throws as join, and as it ends */
  subscribe(caller: Principal, input: FeedInput, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    return pull((subscriber) => this.join(subscriber), caller, input, signal);
  }

  /**
   * Where one begins that keeps its place itself, such as a webhook: `input.after`, or now.
   * @throws BAD_INPUT, CURSOR_EXPIRED, ACCESS_REVOKED, QUOTA_EXCEEDED
   */
  async place(principal: Principal, input: FeedInput): Promise<string> {
    return this.access.read(principal, async (unit, grants) => {
      const { from } = await begin(unit, principal.orgId, subscribedPools(grants, input), input);
      return encodeCursor(from);
    });
  }

  /**
   * What is behind the place, or nothing where that is now. A named pool that was lost meanwhile is a change of scope.
   * @throws CURSOR_EXPIRED, ACCESS_REVOKED, QUOTA_EXCEEDED
   */
  async after(principal: Principal, input: FeedInput, cursor: string | null, atMost: number): Promise<FeedPage> {
    const space = await this.index.space();
    return this.access.read(principal, async (unit, grants) => {
      const poolIds = stillReadable(grants, input);
      const { orgId } = principal;
      const { from, head } = await begin(unit, orgId, poolIds, { after: cursor });
      const { position, changed } = rebase(from, head.seqs, grants.pools);
      const view = viewOf(grants, grants.readFilter.narrow(poolIds), { orgId, now: this.clock.now(), space });
      const page = await readPage(unit, view, position, { atMost });
      const events = page.events.filter(({ memory }) => isWanted(memory, input)).map(({ event }) => event);
      if (changed) events.unshift(notice('SCOPE_CHANGED', position, grants.policyVersion));
      return { events, cursor: encodeCursor(page.position), more: page.full };
    });
  }

  /**
   * One event that was told before, as the principal may see it at this moment; null where it may not, or it is gone.
   * @param told `cursor` stands on the event
   */
  async again(principal: Principal, told: { cursor: string; poolKey: string }): Promise<FeedEvent | null> {
    const space = await this.index.space();
    return this.access
      .read(principal, async (unit, grants) => {
        const [poolId] = stillReadable(grants, { pools: [told.poolKey] }) as [string];
        const { orgId } = principal;
        const { from } = await begin(unit, orgId, [poolId], { pools: [told.poolKey], after: told.cursor });
        const seq = from.seqs.get(poolId);
        if (!seq) return null;
        const view = viewOf(grants, grants.readFilter.narrow([poolId]), { orgId, now: this.clock.now(), space });
        const before = { ...from, seqs: new Map([[poolId, seq - 1]]) };
        const page = await readPage(unit, view, before, { upTo: from.seqs, atMost: 1 });
        return page.events[0]?.event ?? null;
      })
      .catch((error: unknown) => {
        if (error instanceof CommonplaceError && GONE.includes(error.code)) return null;
        throw error;
      });
  }

  /** Something may have been written here or elsewhere. */
  wake(): void {
    this.hub.wake();
  }

  close(): void {
    this.hub.close();
  }
}

/** Where the subscriber goes on, and the end of the log. @throws BAD_INPUT, CURSOR_EXPIRED */
async function begin(
  unit: Unit,
  orgId: string,
  poolIds: readonly string[],
  input: FeedInput,
): Promise<{ from: Position; head: Position }> {
  const head = await positionNow(unit, orgId, poolIds);
  if (input.after === undefined || input.after === null) return { from: head, head };
  const given = decodeCursor(input.after, head.epoch, 'input.after');
  for (const [poolId, seq] of head.seqs)
    if ((given.seqs.get(poolId) ?? 0) > seq) throw expired('it is ahead of the log, as after the restore of a backup');
  // Of all pools, those that are not there any more stay: their loss is told as a change of scope.
  const seqs = input.pools ? new Map([...given.seqs].filter(([id]) => head.seqs.has(id))) : given.seqs;
  return { from: { ...given, seqs }, head };
}

async function positionNow(unit: Unit, orgId: string, poolIds: readonly string[]): Promise<Position> {
  const { epoch, now } = await readLog(unit, orgId);
  const heads = await readHeads(unit, orgId, poolIds);
  return { epoch, takenAt: now, seqs: new Map(heads.map((head) => [head.poolId, head.seq])) };
}
