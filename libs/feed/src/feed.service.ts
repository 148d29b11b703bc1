import type { AccessService, Grants, MemoryType, Principal } from '#access';
import { CommonplaceError, derivedId, type Clock } from '#kernel';
import {
  findMemories,
  LIMITS,
  optionalText,
  readablePoolIds,
  type Memory,
  type MemoryIndex,
  type ReadScope,
} from '#memory';
import type { Unit } from '#platform';
import { decodeCursor, encodeCursor, expired, MAX_POOLS, type Position } from './cursor.js';
import type { FeedEvent } from './event.js';
import { readEvents, readHeads, readLog, type LoggedEvent, type PoolHead } from './feed.repository.js';
import type { Tailer } from './tailer.js';

const PAGE = 256;
const MIN_PER_POOL = 16;
const CHECKPOINT_EVERY_MS = 15_000;
const CREATION_MARGIN_MS = 60_000;

export interface FeedInput {
  pools?: string[] | null;
  types?: MemoryType[] | null;
  entityId?: string | null;
  /** Default: from now on. */
  after?: string | null;
}

interface Page {
  events: FeedEvent[];
  /** More is waiting behind these. */
  full: boolean;
  position: Position;
  generation: number;
  policyVersion: number;
  /** The pools are others than those of the position before. */
  scopeChanged: boolean;
  /** What the caller may see of them. */
  scope: string;
}

/** The event log as one principal may see it. */
export class FeedService {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly tailer: Tailer,
    private readonly clock: Clock,
  ) {}

  /** The place of this moment, in every pool that the caller may see: take it, list, subscribe from it, and nothing is missed. */
  async cursor(caller: Principal): Promise<string> {
    return this.access.read(caller, async (unit, grants) =>
      encodeCursor(await positionNow(unit, caller, grants.readFilter.poolIds)),
    );
  }

  /**
   * Endless, until `signal` fires. Every page is read under the policy of its moment: authority is asked again each time.
   * @throws BAD_INPUT, CURSOR_EXPIRED; ACCESS_REVOKED when the caller has lost all of it, or its key.
   */
  async *subscribe(caller: Principal, input: FeedInput, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    optionalText(input.entityId, 'input.entityId', LIMITS.entityId);
    let position = await this.access.read(caller, (unit, grants) => start(unit, caller, grants, input));
    let scope: string | undefined;
    let waitedSince = Date.now();
    while (!signal.aborted) {
      const page = await this.page(caller, input, position);
      position = page.position;
      if (page.scopeChanged || (scope !== undefined && page.scope !== scope)) yield notice('SCOPE_CHANGED', page);
      scope = page.scope;
      for (const event of page.events) {
        if (signal.aborted) return;
        yield event;
      }
      if (page.full) {
        // All of a full page was for others: the subscriber still learns how far it came.
        if (page.events.length === 0) yield notice('CHECKPOINT', page);
        continue;
      }
      if (page.events.length > 0) waitedSince = Date.now();
      const rest = CHECKPOINT_EVERY_MS - (Date.now() - waitedSince);
      if (rest <= 0) {
        yield notice('CHECKPOINT', page);
        waitedSince = Date.now();
      }
      await this.tailer.next({ seqs: position.seqs, generation: page.generation }, Math.max(rest, 1), signal);
    }
  }

  private async page(caller: Principal, input: FeedInput, from: Position): Promise<Page> {
    try {
      const space = await this.index.space();
      return await this.access.read(caller, (unit, grants) =>
        readPage(
          unit,
          { orgId: caller.orgId, filter: grants.readFilter, now: this.clock.now(), space },
          grants,
          input,
          from,
        ),
      );
    } catch (error) {
      if (error instanceof CommonplaceError && error.code === 'UNAUTHENTICATED') throw revoked(error.message);
      throw error;
    }
  }
}

async function start(unit: Unit, caller: Principal, grants: Grants, input: FeedInput): Promise<Position> {
  const poolIds = subscribedPools(grants, input, 'input.pools');
  if (input.after === undefined || input.after === null) return positionNow(unit, caller, poolIds);
  const { epoch } = await readLog(unit, caller.orgId);
  const given = decodeCursor(input.after, epoch, 'input.after');
  const heads = await readHeads(unit, caller.orgId, poolIds);
  for (const { poolId, seq } of heads)
    if ((given.seqs.get(poolId) ?? 0) > seq) throw expired('it is ahead of the log, as after the restore of a backup');
  // Pools that are not there any more, and those that the cursor does not know, are what the first page tells as a change of scope.
  return input.pools ? { ...given, seqs: new Map([...given.seqs].filter(([id]) => poolIds.includes(id))) } : given;
}

async function positionNow(unit: Unit, caller: Principal, poolIds: readonly string[]): Promise<Position> {
  checkWidth(poolIds);
  const { epoch, now } = await readLog(unit, caller.orgId);
  const heads = await readHeads(unit, caller.orgId, poolIds);
  return { epoch, takenAt: now, seqs: new Map(heads.map((head) => [head.poolId, head.seq])) };
}

function checkWidth(poolIds: readonly string[]): void {
  if (poolIds.length <= MAX_POOLS) return;
  throw new CommonplaceError(
    'QUOTA_EXCEEDED',
    `A feed follows at most ${MAX_POOLS} pools, and you may see ${poolIds.length}: subscribe with pools, to some of them.`,
  );
}

/**
 * A pool that is newer than the cursor is told from its first event; one that was only gained since, from now on. A pool is
 * as old as the start of its transaction, which may lie before a cursor that could not see it yet: hence the margin, in
 * which an event may be told twice and none is missed.
 */
function beginning(head: PoolHead, cursorTakenAt: Date): number {
  return head.createdAt.getTime() > cursorTakenAt.getTime() - CREATION_MARGIN_MS ? 0 : head.seq;
}

function subscribedPools(grants: Grants, input: FeedInput, field: string): readonly string[] {
  const poolIds = readablePoolIds(grants, input.pools, field);
  if (poolIds.length === 0) throw revoked('No pool of this subscription is yours to read.');
  return poolIds;
}

async function readPage(unit: Unit, scope: ReadScope, grants: Grants, input: FeedInput, from: Position): Promise<Page> {
  const poolIds = stillReadable(grants, input);
  const gained = poolIds.some((id) => !from.seqs.has(id));
  const lost = [...from.seqs.keys()].some((id) => !poolIds.includes(id));
  // Before the events: what it counts must be among them, or is no longer kept.
  const heads = await readHeads(unit, scope.orgId, poolIds);
  const seqs = new Map(heads.map((head) => [head.poolId, from.seqs.get(head.poolId) ?? beginning(head, from.takenAt)]));
  const perPool = Math.max(MIN_PER_POOL, Math.ceil(PAGE / poolIds.length));
  const read = await readEvents(unit, scope.orgId, seqs, perPool);
  assertKept(heads, seqs, read);
  const logged = inOrder(read).slice(0, PAGE);
  const ids = [...new Set(logged.map((event) => event.memoryId))];
  const filter = scope.filter.narrow(poolIds);
  const memories = new Map((await findMemories(unit, { ...scope, filter }, ids)).map((memory) => [memory.id, memory]));
  const keys = new Map(grants.pools.map((pool) => [pool.id, pool.key]));
  const events: FeedEvent[] = [];
  for (const event of logged) {
    const before = seqs.get(event.poolId) as number;
    if (event.seq !== before + 1) throw notKept();
    seqs.set(event.poolId, event.seq);
    const memory = memories.get(event.memoryId);
    if (!memory || !isWanted(memory, input)) continue;
    events.push(
      toEvent(event, memory, encodeCursor({ ...from, seqs }), {
        epoch: from.epoch,
        poolKey: keys.get(event.poolId) ?? null,
        policyVersion: grants.policyVersion,
      }),
    );
  }
  return {
    events,
    full: read.length > logged.length || hasFullPool(logged, perPool),
    position: { ...from, seqs },
    generation: grants.generation,
    policyVersion: grants.policyVersion,
    scopeChanged: gained || lost,
    scope: filter.sameness(),
  };
}

/** Events that are gone leave a gap before the next one, and none at all where they were the last. */
function assertKept(
  heads: readonly PoolHead[],
  seqs: ReadonlyMap<string, number>,
  found: readonly LoggedEvent[],
): void {
  const withEvents = new Set(found.map((event) => event.poolId));
  for (const { poolId, seq } of heads)
    if (seq > (seqs.get(poolId) as number) && !withEvents.has(poolId)) throw notKept();
}

const notKept = (): CommonplaceError => expired('the events behind it are no longer kept');

/** The pools of a running subscription: one that was named and is no longer there for the caller is lost, and no mistake of its. */
function stillReadable(grants: Grants, input: FeedInput): readonly string[] {
  const named = input.pools && new Set(input.pools);
  const readable = new Set(grants.readFilter.poolIds);
  const poolIds = grants.pools
    .filter((pool) => readable.has(pool.id) && (!named || named.has(pool.key)))
    .map((pool) => pool.id);
  if (poolIds.length === 0) throw revoked('No pool of this subscription is yours to read any more.');
  checkWidth(poolIds);
  return poolIds;
}

function hasFullPool(events: readonly LoggedEvent[], perPool: number): boolean {
  const counts = new Map<string, number>();
  for (const { poolId } of events) counts.set(poolId, (counts.get(poolId) ?? 0) + 1);
  return [...counts.values()].some((count) => count >= perPool);
}

/** By time across pools, by number within one: the numbers are the truth, and clocks may step. */
function inOrder(events: readonly LoggedEvent[]): LoggedEvent[] {
  const queues = new Map<string, LoggedEvent[]>();
  for (const event of events) {
    const queue = queues.get(event.poolId);
    if (queue) queue.push(event);
    else queues.set(event.poolId, [event]);
  }
  const rest = [...queues.values()].map((queue) => ({ queue, next: 0 }));
  const ordered: LoggedEvent[] = [];
  while (ordered.length < events.length) {
    let first: (typeof rest)[number] | undefined;
    for (const one of rest) {
      const head = one.queue[one.next];
      const best = first?.queue[first.next];
      if (head && (!best || head.at < best.at)) first = one;
    }
    if (!first) break;
    ordered.push(first.queue[first.next++] as LoggedEvent);
  }
  return ordered;
}

function isWanted(memory: Memory, { types, entityId }: FeedInput): boolean {
  return (!types || types.includes(memory.type)) && (!entityId || memory.entityId === entityId);
}

function toEvent(
  event: LoggedEvent,
  memory: Memory,
  cursor: string,
  scope: { epoch: string; poolKey: string | null; policyVersion: number },
): FeedEvent {
  return {
    id: derivedId(`${event.poolId}:${event.seq}`, scope.epoch),
    kind: event.kind,
    cursor,
    at: event.at,
    memory: memory.status === 'FORGOTTEN' ? null : memory,
    memoryId: memory.id,
    poolKey: scope.poolKey,
    policyVersion: scope.policyVersion,
  };
}

function notice(kind: 'CHECKPOINT' | 'SCOPE_CHANGED', page: Page): FeedEvent {
  const cursor = encodeCursor(page.position);
  return {
    id: derivedId(`${kind}:${cursor}`, page.position.epoch),
    kind,
    cursor,
    at: null,
    memory: null,
    memoryId: null,
    poolKey: null,
    policyVersion: page.policyVersion,
  };
}

function revoked(why: string): CommonplaceError {
  return new CommonplaceError('ACCESS_REVOKED', why);
}
