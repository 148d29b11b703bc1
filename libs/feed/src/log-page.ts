import type { Grants, ReadFilter } from '#access';
import { derivedId } from '#kernel';
import type { Memory, ReadScope } from '#memory';
import type { Unit } from '#platform';
import { CursorWriter, encodeCursor, expired, type Position } from './cursor.js';
import type { FeedEvent } from './event.js';
import { readEvents, type LoggedEvent, type LogRow } from './feed.repository.js';

const PAGE = 256;
const MIN_PER_POOL = 16;

/** Through whose eyes the log is read. */
export interface View extends ReadScope {
  policyVersion: number;
  poolKeys: ReadonlyMap<string, string>;
}

/** @param filter narrowed to the pools that are read */
export function viewOf(
  { pools, policyVersion }: Pick<Grants, 'pools' | 'policyVersion'>,
  filter: ReadFilter,
  rest: Pick<View, 'orgId' | 'now' | 'space'>,
): View {
  return { ...rest, filter, policyVersion, poolKeys: new Map(pools.map((pool) => [pool.id, pool.key])) };
}

export interface PageEvent {
  event: FeedEvent;
  /** Also of an event that does not show it, such as FORGOTTEN. */
  memory: Memory;
  /** The author of a memory that nobody else in the audience may see. */
  onlyFor: string | null;
}

export interface Page {
  events: PageEvent[];
  /** How many events the log had, for whomever they were. */
  looked: number;
  /** More is waiting behind these. */
  full: boolean;
  position: Position;
}

/**
 * The next events behind `from`, no further than `upTo`, by time across pools and by number in each. Contents are those of
 * this moment: what was hidden or forgotten since the event is not told.
 * @throws CURSOR_EXPIRED where the log no longer holds what comes next
 */
export async function readPage(
  unit: Unit,
  view: View,
  from: Position,
  { upTo, atMost = PAGE }: { upTo?: ReadonlyMap<string, number>; atMost?: number } = {},
): Promise<Page> {
  const ranges = [...from.seqs]
    .map(([poolId, after]) => ({ poolId, after, upTo: upTo ? (upTo.get(poolId) ?? 0) : Number.MAX_SAFE_INTEGER }))
    .filter((range) => range.after < range.upTo);
  const perPool = Math.max(MIN_PER_POOL, Math.ceil(atMost / ranges.length));
  const rows = ranges.length === 0 ? [] : await readEvents(unit, view, ranges, perPool);
  const read = rows.map(asKept);
  const logged = inOrder(read).slice(0, atMost);
  const seqs = new Map(from.seqs);
  const takenAt = rows[0]?.now ?? from.takenAt;
  const events: PageEvent[] = [];
  const writer = new CursorWriter({ epoch: from.epoch, takenAt, seqs });
  for (const event of logged) {
    if (event.seq !== (seqs.get(event.poolId) as number) + 1) throw notKept();
    seqs.set(event.poolId, event.seq);
    writer.move(event.poolId, event.seq);
    const { memory, onlyFor } = event;
    if (!memory) continue;
    const about = { ...view, epoch: from.epoch };
    events.push({ memory, onlyFor, event: toEvent(event, memory, writer.cursor(), about) });
  }
  return {
    events,
    looked: logged.length,
    full: read.length > logged.length || hasFullPool(logged, perPool),
    position: { epoch: from.epoch, takenAt, seqs },
  };
}

/** CHECKPOINT and SCOPE_CHANGED: about the subscription, not about a memory. */
export function notice(kind: 'CHECKPOINT' | 'SCOPE_CHANGED', position: Position, policyVersion: number): FeedEvent {
  const cursor = encodeCursor(position);
  const id = derivedId(`${kind}:${cursor}`, position.epoch);
  return { id, kind, cursor, at: null, memory: null, memoryId: null, poolKey: null, policyVersion };
}

/** Events that are gone leave a gap before the next one, and none at all where they were the last. */
function asKept(row: LogRow): LoggedEvent {
  if (row.seq === null) throw notKept();
  return row as LoggedEvent;
}

const notKept = () => expired('the events behind it are no longer kept');

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
  if (rest.length === 1) return [...events];
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

function toEvent(
  event: LoggedEvent,
  memory: Memory,
  cursor: string,
  { epoch, poolKeys, policyVersion }: Pick<View, 'poolKeys' | 'policyVersion'> & { epoch: string },
): FeedEvent {
  return {
    id: derivedId(`${event.poolId}:${event.seq}`, epoch),
    kind: event.kind,
    cursor,
    at: event.at,
    memory: memory.status === 'FORGOTTEN' ? null : memory,
    memoryId: memory.id,
    poolKey: poolKeys.get(event.poolId) ?? null,
    policyVersion,
  };
}
