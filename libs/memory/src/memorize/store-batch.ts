import { newId } from '#kernel';
import type { Memorized, MemorizeOutcome, Memory } from '../memory.js';
import { asWritten, findIdentities, isNew, type Batch, type Placed } from './batch.js';
import { contentHash, type MemorizeCommand } from './memorize-command.js';
import {
  findStanding,
  giveUpIdentity,
  insertMemories,
  insertSources,
  type NewMemory,
  type Stored,
  type Write,
} from './memorize.repository.js';

/** Stores each item, or finds the memory that it repeats; every item has its result afterwards. */
export async function storeItems(batch: Batch, items: Placed[]): Promise<void> {
  const active = items.filter(({ status }) => status === 'ACTIVE');
  const proposed = items.filter(({ status }) => status === 'PROPOSED');
  const pools = items.map(({ pool }) => pool.id);
  await storeGroup(batch, { status: 'ACTIVE', pools }, active);
  if (proposed.length > 0)
    await storeGroup(batch, { status: 'PROPOSED', pools }, await answerStanding(batch, proposed));
}

type Group = Pick<Write, 'status' | 'pools'>;

export const writeOf = ({ caller, grants, now }: Batch, group: Group): Write => ({
  orgId: caller.orgId,
  authorId: caller.id,
  authorRole: caller.role,
  policyVersion: grants.policyVersion,
  now,
  ...group,
});

async function storeGroup(batch: Batch, group: Group, items: Placed[]): Promise<void> {
  const hidden = await insertGroup(batch, group, items, (command) => contentHash(command));
  // What the caller may not read must not answer as a duplicate: it would tell that it is there.
  await insertGroup(batch, group, hidden, (command) => contentHash(command, batch.caller.id));
}

/** What is one memory of one pool: an item's place among the stored, and among its equals. */
export const identity = (poolId: string, hash: Buffer): string => poolId + hash.toString('latin1');

const identityOf = ({ pool, command }: Placed): string => identity(pool.id, contentHash(command));

/** A proposal of what stands in the pool already, where its author can see it, is a duplicate and needs no review. */
async function answerStanding(batch: Batch, items: Placed[]): Promise<Placed[]> {
  const wanted = items.map(({ pool, command }) => ({ poolId: pool.id, hash: contentHash(command) }));
  const rows = await findStanding(batch.unit, batch.caller.orgId, wanted);
  const standing = new Map(rows.map((row) => [identity(row.poolId, row.hash), row.id]));
  const visible = new Map((await findIdentities(batch, [...standing.values()])).map((memory) => [memory.id, memory]));
  for (const item of items) {
    const memory = visible.get(standing.get(identityOf(item)) ?? '');
    if (memory && !outlives(item.command.expiresAt, memory.expiresAt, batch.now))
      item.result = { memory, outcome: 'DUPLICATE', indexed: memory.indexed };
  }
  return items.filter((item) => !item.result);
}

interface ByIdentity {
  fresh: Map<string, NewMemory>;
  equals: Map<string, Placed[]>;
}

/** One memory for all inputs that are the same, made of the one that lasts longest. */
export function byIdentity(items: readonly Placed[], hashOf: (command: MemorizeCommand) => Buffer): ByIdentity {
  const fresh = new Map<string, NewMemory>();
  const equals = new Map<string, Placed[]>();
  for (const item of items) {
    const { pool, command } = item;
    const hash = hashOf(command);
    const key = identity(pool.id, hash);
    const same = [...(equals.get(key) ?? []), item].sort(longestLivedFirst);
    equals.set(key, same);
    const [first] = same as [Placed];
    fresh.set(key, { id: first.id ?? newId(), pool, hash, command: first.command });
  }
  return { fresh, equals };
}

/** @returns the items whose content stands in the pool where the caller does not see it. */
async function insertGroup(
  batch: Batch,
  group: Group,
  items: Placed[],
  hashOf: (command: MemorizeCommand) => Buffer,
): Promise<Placed[]> {
  if (items.length === 0) return [];
  const { fresh, equals } = byIdentity(items, hashOf);
  const stored = await insertLasting(batch, writeOf(batch, group), fresh);
  const duplicates = stored.filter((row) => !row.created).map((row) => row.id);
  const seen = new Map((await findIdentities(batch, duplicates)).map((memory) => [memory.id, memory]));
  const hidden: Placed[] = [];
  for (const { id, poolId, hash, created, own } of stored) {
    const same = equals.get(identity(poolId, hash)) as Placed[];
    const memory = seen.get(id) ?? (created || own ? asWritten(batch, id, same[0] as Placed) : undefined);
    if (memory) answer(same, memory, created ? (group.status === 'ACTIVE' ? 'CREATED' : 'PROPOSED') : 'DUPLICATE');
    else hidden.push(...same);
  }
  const links = items.flatMap((item) =>
    isNew(item)
      ? item.command.derivedFrom.map((sourceId) => ({ memoryId: (item.result as Memorized).memory.id, sourceId }))
      : [],
  );
  if (links.length) await insertSources(batch.unit, batch.caller.orgId, links);
  return hidden;
}

/**
 * A memory that expires before the new one would is no duplicate of it: who was told that the content is stored must not
 * lose it with the other. Nor is one that has expired, whose author and metadata must not come back with it.
 */
async function insertLasting(batch: Batch, write: Write, fresh: ReadonlyMap<string, NewMemory>): Promise<Stored[]> {
  const stored = await insertMemories(batch.unit, write, [...fresh.values()]);
  const wanted = ({ poolId, hash }: Stored) => fresh.get(identity(poolId, hash)) as NewMemory;
  const isOutlived = (row: Stored) => !row.created && outlives(wanted(row).command.expiresAt, row.expiresAt, batch.now);
  const outlived = stored.filter(isOutlived);
  if (outlived.length === 0) return stored;
  await giveUpIdentity(
    batch.unit,
    write.orgId,
    outlived.map((row) => row.id),
  );
  const again = await insertMemories(batch.unit, write, outlived.map(wanted));
  return [...stored.filter((row) => !isOutlived(row)), ...again];
}

/** Whether what expires at `expiresAt` is still there when what stands is gone. */
export function outlives(expiresAt: Date | null, standing: Date | null, now: Date): boolean {
  if (standing === null) return false;
  return standing <= now || expiresAt === null || expiresAt > standing;
}

const lasts = ({ command }: Placed): number => command.expiresAt?.getTime() ?? Infinity;
const longestLivedFirst = (a: Placed, b: Placed): number =>
  lasts(a) === lasts(b) ? a.index - b.index : lasts(b) - lasts(a);

/** The first of several equal inputs made the memory; the others are its duplicates. */
export function answer(items: Placed[], memory: Memory, outcome: MemorizeOutcome): void {
  items.forEach((item, place) => {
    item.result = { memory, outcome: place === 0 ? outcome : 'DUPLICATE', indexed: memory.indexed };
  });
}
