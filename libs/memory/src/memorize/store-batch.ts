import { newId } from '#kernel';
import type { Memorized, MemorizeOutcome, Memory } from '../memory.js';
import { asWritten, findIdentities, isNew, type Batch, type Item } from './batch.js';
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
export async function storeItems(batch: Batch, items: Item[]): Promise<void> {
  for (const status of ['ACTIVE', 'PROPOSED'] as const) {
    const group = items.filter((item) => item.status === status);
    if (group.length === 0) continue;
    const standing = status === 'PROPOSED' ? await answerStanding(batch, group) : group;
    const hidden = await insertGroup(batch, status, standing, (command) => contentHash(command));
    // What the caller may not read must not answer as a duplicate: it would tell that it is there.
    await insertGroup(batch, status, hidden, (command) => contentHash(command, batch.caller.id));
  }
}

/** A proposal of what stands in the pool already, where its author can see it, is a duplicate and needs no review. */
async function answerStanding(batch: Batch, items: Item[]): Promise<Item[]> {
  const hashes = items.map((item) => contentHash(item.command));
  const rows = await findStanding(batch.unit, batch.caller.orgId, batch.pool.id, hashes);
  const byHash = new Map(rows.map((row) => [row.hash.toString('hex'), row.id]));
  const visible = new Map((await findIdentities(batch, [...byHash.values()])).map((memory) => [memory.id, memory]));
  for (const item of items) {
    const memory = visible.get(byHash.get(contentHash(item.command).toString('hex')) ?? '');
    if (memory && !outlives(item.command.expiresAt, memory.expiresAt, batch.now))
      item.result = { memory, outcome: 'DUPLICATE', indexed: memory.indexed };
  }
  return items.filter((item) => !item.result);
}

/** @returns the items whose content stands in the pool where the caller does not see it. */
async function insertGroup(
  batch: Batch,
  status: 'ACTIVE' | 'PROPOSED',
  items: Item[],
  hashOf: (command: MemorizeCommand) => Buffer,
): Promise<Item[]> {
  if (items.length === 0) return [];
  const byHash = new Map<string, Item[]>();
  for (const item of items) {
    const hash = hashOf(item.command).toString('hex');
    byHash.set(hash, [...(byHash.get(hash) ?? []), item].sort(longestLivedFirst));
  }
  const fresh: NewMemory[] = [...byHash].map(([hash, [item]]) => ({
    id: (item as Item).id ?? newId(),
    hash: Buffer.from(hash, 'hex'),
    command: (item as Item).command,
  }));
  const { caller, grants, pool, now } = batch;
  const write = {
    orgId: caller.orgId,
    poolId: pool.id,
    language: pool.language,
    authorId: caller.id,
    authorRole: caller.role,
    status,
    policyVersion: grants.policyVersion,
    now,
  };
  const stored = await insertLasting(batch, write, fresh);
  const duplicates = stored.filter((row) => !row.created).map((row) => row.id);
  const seen = new Map((await findIdentities(batch, duplicates)).map((memory) => [memory.id, memory]));
  const hidden: Item[] = [];
  for (const { id, hash, created, own } of stored) {
    const same = byHash.get(hash.toString('hex')) as Item[];
    const memory = seen.get(id) ?? (created || own ? asWritten(batch, id, same[0] as Item) : undefined);
    if (memory) answer(same, memory, created ? (status === 'ACTIVE' ? 'CREATED' : 'PROPOSED') : 'DUPLICATE');
    else hidden.push(...same);
  }
  const links = items.flatMap((item) =>
    isNew(item)
      ? item.command.derivedFrom.map((sourceId) => ({ memoryId: (item.result as Memorized).memory.id, sourceId }))
      : [],
  );
  if (links.length) await insertSources(batch.unit, caller.orgId, links);
  return hidden;
}

/**
 * A memory that expires before the new one would is no duplicate of it: who was told that the content is stored must not
 * lose it with the other. Nor is one that has expired, whose author and metadata must not come back with it.
 */
async function insertLasting(batch: Batch, write: Write, fresh: readonly NewMemory[]): Promise<Stored[]> {
  const stored = await insertMemories(batch.unit, write, fresh);
  const wanted = new Map(fresh.map((memory) => [memory.hash.toString('hex'), memory]));
  const isOutlived = ({ created, hash, expiresAt }: Stored) =>
    !created && outlives((wanted.get(hash.toString('hex')) as NewMemory).command.expiresAt, expiresAt, batch.now);
  const outlived = stored.filter(isOutlived);
  if (outlived.length === 0) return stored;
  await giveUpIdentity(
    batch.unit,
    write.orgId,
    outlived.map((row) => row.id),
  );
  const again = await insertMemories(
    batch.unit,
    write,
    outlived.map((row) => wanted.get(row.hash.toString('hex')) as NewMemory),
  );
  return [...stored.filter((row) => !isOutlived(row)), ...again];
}

/** Whether what expires at `expiresAt` is still there when what stands is gone. */
export function outlives(expiresAt: Date | null, standing: Date | null, now: Date): boolean {
  if (standing === null) return false;
  return standing <= now || expiresAt === null || expiresAt > standing;
}

const lasts = ({ command }: Item): number => command.expiresAt?.getTime() ?? Infinity;
const longestLivedFirst = (a: Item, b: Item): number =>
  lasts(a) === lasts(b) ? a.index - b.index : lasts(b) - lasts(a);

/** The first of several equal inputs made the memory; the others are its duplicates. */
function answer(items: Item[], memory: Memory, outcome: MemorizeOutcome): void {
  items.forEach((item, place) => {
    item.result = { memory, outcome: place === 0 ? outcome : 'DUPLICATE', indexed: memory.indexed };
  });
}
