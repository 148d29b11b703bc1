import type { AccessService } from '#access';
import { CommonplaceError, derivedId } from '#kernel';
import type { Unit } from '#platform';
import type { FeedService } from '../feed.service.js';
import { waitAfter } from './backoff.js';
import {
  bury,
  dropLetter,
  holdOn,
  keepLetter,
  nextToRedeliver,
  release,
  settle,
  type Settled,
} from './delivery.repository.js';
import type { Destinations } from './destination.js';
import { payload, type SentEvent } from './payload.js';
import { post, type Outcome } from './post.js';
import { signedHeaders } from './signature.js';
import type { Leased, PauseReason, WebhookTiming } from './webhook.js';

/** Then others get their turn. */
const MAX_EVENTS_A_VISIT = 100;
const MAX_VISIT_MS = 20_000;
const MAX_LETTERS_A_VISIT = 10;
const WIDEST = 256;
const DEAD_TO_PAUSE = 20;
const FAULT_PAUSE_MS = 5_000;
const GAP = 'the log no longer held what came next: a feed.gap was sent, and what is missing must be listed';

type Next =
  | { kind: 'EVENT'; event: SentEvent }
  | { kind: 'MOVED'; cursor: string; more: boolean }
  | { kind: 'PAUSE'; reason: PauseReason };

export interface Stopping {
  /** Nothing more is begun. */
  soon: AbortSignal;
  /** What is under way is cut off. */
  now: AbortSignal;
}

/** Serves one webhook while its lease holds: one event after the other, each read right before it is sent. */
export class Deliverer {
  constructor(
    private readonly access: AccessService,
    private readonly feed: FeedService,
    private readonly destinations: Destinations,
    private readonly timing: WebhookTiming,
    private readonly stopping: Stopping,
  ) {}

  /** @returns whether more is waiting. The lease is given back, unless another has it. */
  async visit(leased: Leased): Promise<boolean> {
    try {
      const more = await this.serve(leased);
      await this.giveBack(leased, 0);
      return more;
    } catch (error) {
      await this.giveBack(leased, FAULT_PAUSE_MS).catch(() => undefined);
      throw error;
    }
  }

  private async serve(leased: Leased): Promise<boolean> {
    const began = performance.now();
    const more = await this.redeliver(leased);
    let current: Leased | undefined = leased;
    let width = 1;
    for (let sent = 0; current.active && current.due && !this.stopping.soon.aborted;) {
      if (sent >= MAX_EVENTS_A_VISIT || performance.now() - began > MAX_VISIT_MS) return true;
      const next = await this.next(current, width);
      if (next.kind === 'MOVED' && !next.more && next.cursor === current.cursor) break;
      current = next.kind === 'EVENT' ? await this.send(current, next.event) : await this.pass(current, next);
      if (!current) return false;
      // What is sent is read alone; what is for others is passed over in long strides.
      width = next.kind === 'EVENT' ? 1 : Math.min(width * 4, WIDEST);
      if (next.kind === 'EVENT') sent++;
    }
    return more;
  }

  /**
   * The event behind the cursor, as the principal may see it at this moment. Nothing is read ahead: an edit of the policy, or
   * a memory that is forgotten, must bind the next event.
   */
  private async next({ id, principal, input, cursor }: Leased, width: number): Promise<Next> {
    try {
      const page = await this.feed.after(principal, input, cursor, width);
      const [event] = page.events;
      if (!event) return { kind: 'MOVED', cursor: page.cursor, more: page.more };
      return { kind: 'EVENT', event: event.memoryId ? event : { ...event, id: idOf('SCOPE_CHANGED', id, cursor) } };
    } catch (error) {
      const code = error instanceof CommonplaceError ? error.code : undefined;
      if (code === 'ACCESS_REVOKED') return { kind: 'PAUSE', reason: 'ACCESS_REVOKED' };
      if (code === 'QUOTA_EXCEEDED') return { kind: 'PAUSE', reason: 'TOO_MANY_POOLS' };
      if (code !== 'CURSOR_EXPIRED') throw error;
      const now = await this.feed.after(principal, input, null, 1);
      return { kind: 'EVENT', event: gapBehind(id, cursor, now.cursor) };
    }
  }

  /** @returns undefined where another has the lease by now, or this one stops */
  private async send(read: Leased, event: SentEvent): Promise<Leased | undefined> {
    // Asked again after the event was read: it may have been written right after a new secret, address or pause was.
    const leased = await this.holdOn(read);
    if (!leased?.active) return leased;
    const outcome = await this.post(leased, event);
    if (outcome.kind === 'DELIVERED')
      return this.settle(leased, {
        ...FRESH,
        cursor: event.cursor,
        lastError: event.kind === 'GAP' ? GAP : null,
      });
    if (outcome.kind === 'CUT_OFF') return undefined;
    const { error } = outcome;
    if (outcome.kind === 'GONE') return this.settle(leased, { ...asItIs(leased), lastError: error, pause: 'GONE' });
    const failures = (leased.eventId === event.id ? leased.failures : 0) + 1;
    const waitMs = waitAfter(this.timing.scheduleMs, failures, outcome.retryAfterMs);
    if (waitMs !== null)
      return this.settle(leased, { ...asItIs(leased), failures, eventId: event.id, lastError: error, waitMs });
    const deadInARow = leased.deadInARow + 1;
    const pause = deadInARow >= DEAD_TO_PAUSE ? 'DEAD_LETTERS' : null;
    const after: Settled = { ...FRESH, cursor: event.cursor, deadInARow, lastError: error, pause };
    const { id, kind, memoryId, poolKey, cursor } = event;
    return this.settle(leased, after, async (unit, orgId) => {
      // What tells of the feed itself is told anew by the next reading, or of no use any more.
      if (!memoryId || !poolKey) return;
      const letter = { eventId: id, kind, memoryId, poolKey, cursor, attempts: failures, lastError: error };
      await bury(unit, orgId, leased.id, letter);
    });
  }

  private pass(leased: Leased, next: Exclude<Next, { kind: 'EVENT' }>): Promise<Leased | undefined> {
    if (next.kind === 'PAUSE') return this.settle(leased, { ...asItIs(leased), pause: next.reason });
    return this.settle(leased, { ...asItIs(leased), cursor: next.cursor });
  }

  /** Beside the order of the log: these were given up, and are asked for again. */
  private async redeliver(leased: Leased): Promise<boolean> {
    for (let sent = 0; sent < MAX_LETTERS_A_VISIT && !this.stopping.soon.aborted; sent++) {
      const letter = await this.change((unit, orgId) => nextToRedeliver(unit, orgId, leased.id));
      if (!letter) return false;
      const event = await this.feed.again(leased.principal, letter);
      const current = await this.holdOn(leased);
      if (!current?.active) return false;
      // What may not be seen any more, or is gone from the log, will never be sent.
      const outcome: Outcome = event ? await this.post(current, event) : { kind: 'DELIVERED' };
      if (outcome.kind === 'CUT_OFF') return false;
      await this.change((unit, orgId) =>
        outcome.kind === 'DELIVERED'
          ? dropLetter(unit, orgId, leased.id, letter.eventId)
          : keepLetter(unit, orgId, leased.id, { eventId: letter.eventId, lastError: outcome.error }),
      );
    }
    return true;
  }

  private post({ url, secrets }: Leased, event: SentEvent): Promise<Outcome> {
    const body = payload(event);
    const { timeoutMs } = this.timing;
    const headers = signedHeaders(event.id, body, secrets);
    return post(this.destinations, { url, headers, body, timeoutMs, cutOff: this.stopping.now });
  }

  /** @param also in the same unit, only while the lease is held */
  private settle(
    leased: Leased,
    to: Settled,
    also: (unit: Unit, orgId: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<Leased | undefined> {
    const { leaseMs } = this.timing;
    return this.change(async (unit, orgId) => {
      const settled = await settle(unit, orgId, leased, { ...to, leaseMs });
      if (settled) await also(unit, orgId);
      return settled;
    });
  }

  private holdOn(leased: Leased): Promise<Leased | undefined> {
    return this.change((unit, orgId) => holdOn(unit, orgId, leased, this.timing.leaseMs));
  }

  private giveBack(leased: Leased, waitMs: number): Promise<void> {
    return this.change((unit, orgId) => release(unit, orgId, leased, waitMs));
  }

  private change<Result>(work: (unit: Unit, orgId: string) => Promise<Result>): Promise<Result> {
    return this.access.system('deliver webhooks', (unit) => work(unit, this.access.orgId));
  }
}

const FRESH = { failures: 0, eventId: null, deadInARow: 0, lastError: null, waitMs: 0, pause: null };

const asItIs = ({ cursor, failures, eventId, deadInARow, lastError }: Leased): Settled => ({
  cursor,
  failures,
  eventId,
  deadInARow,
  lastError,
  waitMs: 0,
  pause: null,
});

/** The same however often it is tried, while the cursor that it hands out moves on. */
const idOf = (kind: string, webhookId: string, cursor: string) => derivedId(`${kind}:${cursor}`, webhookId);

function gapBehind(webhookId: string, lost: string, cursor: string): SentEvent {
  const id = idOf('GAP', webhookId, lost);
  return { id, kind: 'GAP', cursor, at: null, memory: null, memoryId: null, poolKey: null, policyVersion: 0 };
}
