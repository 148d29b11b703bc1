import type { AccessService, DirectoryPool, Grants, MemoryRow, Principal } from '#access';
import { badInput, CommonplaceError, newId, type Clock } from '#kernel';
import type { JobQueue, Unit } from '#platform';
import { LIMITS } from '../input.js';
import { insertVectors } from '../memory-index.repository.js';
import type { MemoryIndex } from '../memory-index.js';
import { showsIdentity, type Memorized, type MemorizeOutcome, type Memory } from '../memory.js';
import { findMemories, type IndexSpace } from '../memory.repository.js';
import { poolByKey } from '../read/pools.js';
import { contentHash, inputHash, parseMemorize, type MemorizeCommand, type MemorizeInput } from './memorize-command.js';
import {
  claimKeys,
  findClaims,
  findStanding,
  insertMemories,
  insertSources,
  settleClaims,
  type NewMemory,
  giveUpIdentity,
  type Stored,
  type Write,
} from './memorize.repository.js';

export interface MemorizeFailure {
  index: number;
  error: CommonplaceError;
}

/** `results` in the order of the inputs, failures left out. */
export interface MemorizedMany {
  results: Memorized[];
  failures: MemorizeFailure[];
}

/** One input on its way: where it stood, what it says, its vector, and what comes of it. */
interface Item {
  index: number;
  command: MemorizeCommand;
  vector: number[] | null;
  status: 'ACTIVE' | 'PROPOSED';
  result?: Memorized;
  error?: CommonplaceError;
}

interface Batch {
  caller: Principal;
  unit: Unit;
  grants: Grants;
  pool: DirectoryPool;
  space: IndexSpace | null;
  now: Date;
}

export class MemorizeService {
  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly jobs: JobQueue,
    private readonly clock: Clock,
  ) {}

  async memorize(caller: Principal, input: MemorizeInput): Promise<Memorized> {
    const { results, failures } = await this.store(caller, [input], () => 'input');
    if (failures[0]) throw failures[0].error;
    return results[0] as Memorized;
  }

  /** Each input stands or fails alone. @throws BAD_INPUT when there are too many, or too much. */
  async memorizeMany(caller: Principal, inputs: readonly MemorizeInput[]): Promise<MemorizedMany> {
    if (inputs.length === 0 || inputs.length > LIMITS.batch)
      throw badInput('inputs', `has ${inputs.length} items; 1 to ${LIMITS.batch} are taken`);
    const bytes = inputs.reduce((sum, input) => sum + Buffer.byteLength(String(input.content)), 0);
    if (bytes > LIMITS.batchBytes)
      throw badInput('inputs', `have ${bytes} bytes of content together; at most ${LIMITS.batchBytes} are taken`);
    return this.store(caller, inputs, (index) => `inputs.${index}`);
  }

  private async store(
    caller: Principal,
    inputs: readonly MemorizeInput[],
    path: (index: number) => string,
  ): Promise<MemorizedMany> {
    const failures: MemorizeFailure[] = [];
    const items: Item[] = [];
    inputs.forEach((input, index) => {
      try {
        items.push({ index, command: parseMemorize(input, path(index), this.clock), vector: null, status: 'ACTIVE' });
      } catch (error) {
        failures.push({ index, error: asFailure(error) });
      }
    });
    const vectors = await this.index.embed(items.map((item) => item.command.content));
    items.forEach((item, place) => (item.vector = vectors?.[place] ?? null));

    for (const group of groupBy(items, (item) => item.command.pool)) await this.storeInPool(caller, group, path);
    for (const { index, error } of items) if (error) failures.push({ index, error });
    failures.sort((a, b) => a.index - b.index);
    return { results: items.flatMap((item) => item.result ?? []), failures };
  }

  /** All for one pool, in one transaction. What fails as a whole (the database, a revoked key) fails for each of them. */
  private async storeInPool(caller: Principal, items: Item[], path: (index: number) => string): Promise<void> {
    const space = await this.index.space();
    try {
      await this.access.write(caller, async (unit, grants) => {
        for (const item of items) item.error = item.result = undefined;
        const pool = targetPool(grants, caller, items[0] as Item, path);
        const batch: Batch = { caller, unit, grants, pool, space, now: this.clock.now() };
        for (const item of items) decide(batch, item);
        await checkSources(batch, open(items), path);
        await this.claimAndWrite(batch, items);
      });
    } catch (error) {
      const failure = asFailure(error);
      for (const item of items) {
        item.result = undefined;
        item.error = failure;
      }
    }
  }

  /** Of several inputs with one idempotency key the first is written, if the key is free; the others get its answer. */
  private async claimAndWrite(batch: Batch, items: Item[]): Promise<void> {
    const firstOf = new Map<string, Item>();
    for (const item of open(items)) {
      const key = item.command.idempotencyKey;
      if (key !== null && !firstOf.has(key)) firstOf.set(key, item);
    }
    const claims = [...firstOf].map(([key, { command }]) => ({ key, inputHash: inputHash(command) }));
    const { orgId, id } = batch.caller;
    const free = claims.length ? await claimKeys(batch.unit, orgId, id, claims) : new Set<string>();
    const isWriter = (item: Item) => {
      const key = item.command.idempotencyKey;
      return key === null || (free.has(key) && firstOf.get(key) === item);
    };
    await this.write(batch, open(items).filter(isWriter));
    const settled = [...firstOf]
      .filter(([key]) => free.has(key))
      .map(([key, { result }]) => ({ key, memoryId: result?.memory.id ?? null, outcome: result?.outcome ?? null }));
    if (settled.length) await settleClaims(batch.unit, orgId, id, settled);
    await replay(
      batch,
      open(items).filter((item) => !item.result),
    );
  }

  private async write(batch: Batch, items: Item[]): Promise<void> {
    for (const status of ['ACTIVE', 'PROPOSED'] as const) {
      const group = items.filter((item) => item.status === status);
      if (group.length === 0) continue;
      const standing = status === 'PROPOSED' ? await answerStanding(batch, group) : group;
      const hidden = await insertGroup(batch, status, standing, (command) => contentHash(command));
      // What the caller may not read must not answer as a duplicate: it would tell that it is there.
      await insertGroup(batch, status, hidden, (command) => contentHash(command, batch.caller.id));
    }
    if (this.index.configured) await this.indexCreated(batch, items);
  }

  private async indexCreated(batch: Batch, items: Item[]): Promise<void> {
    const created = items.filter((item) => item.result && item.result.outcome !== 'DUPLICATE');
    const ready = created.filter((item) => item.vector !== null);
    if (ready.length && batch.space) {
      const vectors = ready.map((item) => ({
        memoryId: (item.result as Memorized).memory.id,
        poolId: batch.pool.id,
        embedding: item.vector as number[],
      }));
      await insertVectors(batch.unit, batch.caller.orgId, batch.space.spaceId, vectors);
    }
    const waiting = created.filter((item) => item.vector === null).map((item) => (item.result as Memorized).memory.id);
    if (waiting.length) await this.jobs.enqueue(batch.unit, 'embed', { memoryIds: waiting });
  }
}

function targetPool(grants: Grants, caller: Principal, item: Item, path: (index: number) => string): DirectoryPool {
  const field = `${path(item.index)}.pool`;
  if (item.command.pool !== null) return poolByKey(grants, item.command.pool, field);
  const own =
    grants.pools.find((pool) => pool.kind === 'ROLE' && pool.role === caller.role && pool.key === caller.role) ??
    grants.pools.find((pool) => pool.kind === 'ROLE' && pool.role === caller.role);
  if (!own) throw badInput(field, `must be named: the role ${caller.role} has no pool of its own that you may use`);
  return own;
}

/** Asked of the very memory that would be stored: conditions of the policy may look at any of its fields. */
function decide({ caller, grants, pool, now }: Batch, item: Item): void {
  const row = (status: 'ACTIVE' | 'PROPOSED'): MemoryRow => ({
    ...item.command,
    id: '',
    poolId: pool.id,
    status,
    authorId: caller.id,
    createdAt: now,
  });
  const write = grants.access.decide('WRITE', row('ACTIVE'));
  if (write.allowed) item.status = 'ACTIVE';
  else if (grants.access.can('PROPOSE', row('PROPOSED'))) item.status = 'PROPOSED';
  else item.error = new CommonplaceError('FORBIDDEN', write.reason);
}

/** Provenance may only name what its author can read: anything else would tell that it is there. */
async function checkSources(batch: Batch, items: Item[], path: (index: number) => string): Promise<void> {
  const ids = [...new Set(items.flatMap((item) => item.command.derivedFrom))];
  if (ids.length === 0) return;
  const found = new Set((await find(batch, ids)).map((memory) => memory.id));
  for (const item of items) {
    const place = item.command.derivedFrom.findIndex((id) => !found.has(id));
    if (place >= 0)
      item.error = badInput(
        `${path(item.index)}.derivedFrom.${place}`,
        'there is no such memory, or it is not yours to see',
      );
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
    id: newId(),
    hash: Buffer.from(hash, 'hex'),
    command: (item as Item).command,
  }));
  const { caller, grants, pool, now } = batch;
  const write = {
    orgId: caller.orgId,
    poolId: pool.id,
    authorId: caller.id,
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

function outlives(expiresAt: Date | null, standing: Date | null, now: Date): boolean {
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

const isNew = (item: Item): boolean => item.result !== undefined && item.result.outcome !== 'DUPLICATE';

/** As its author wrote it: also for an author who may write in the pool and not read. */
function asWritten({ caller, pool, now, space }: Batch, id: string, { command, status, vector }: Item): Memory {
  const { content, type, entityId, sessionId, speaker, importance, labels, metadata, validFrom, expiresAt } = command;
  return {
    id,
    poolId: pool.id,
    type,
    status,
    content,
    entityId,
    sessionId,
    speaker,
    importance,
    labels,
    metadata,
    authorId: caller.id,
    maskedFields: [],
    version: 1,
    createdAt: now,
    updatedAt: now,
    validFrom,
    validTo: null,
    expiresAt,
    indexed: space === null || vector !== null,
  };
}

/** The answer that the same key got before. */
async function replay(batch: Batch, items: Item[]): Promise<void> {
  if (items.length === 0) return;
  const keys = [...new Set(items.map((item) => item.command.idempotencyKey as string))];
  const records = new Map(
    (await findClaims(batch.unit, batch.caller.orgId, batch.caller.id, keys)).map((record) => [record.key, record]),
  );
  const memories = new Map(
    (
      await find(
        batch,
        [...records.values()].flatMap((record) => record.memoryId ?? []),
      )
    ).map((memory) => [memory.id, memory]),
  );
  for (const item of items) {
    const record = records.get(item.command.idempotencyKey as string);
    if (!record?.memoryId)
      item.error = new CommonplaceError(
        'UNAVAILABLE',
        'The first request with this idempotency key failed; send it again.',
        { retryAfterMs: 0 },
      );
    else if (!record.inputHash.equals(inputHash(item.command)))
      item.error = new CommonplaceError(
        'CONFLICT',
        'The idempotency key was used for another input in the last 24 hours.',
      );
    else {
      const memory = memories.get(record.memoryId) ?? asWritten(batch, record.memoryId, item);
      item.result = { memory, outcome: record.outcome, indexed: memory.indexed };
    }
  }
}

function find({ unit, caller, grants, space, now }: Batch, ids: readonly string[]): Promise<Memory[]> {
  return findMemories(unit, { orgId: caller.orgId, filter: grants.readFilter, now, space }, ids);
}

/** Those whose content and entity the caller is shown: only they may answer as a duplicate, or a guess would be confirmed. */
async function findIdentities(batch: Batch, ids: readonly string[]): Promise<Memory[]> {
  return (await find(batch, ids)).filter(showsIdentity);
}

const open = (items: readonly Item[]): Item[] => items.filter((item) => !item.error);

function groupBy<Value>(items: readonly Item[], key: (item: Item) => Value): Item[][] {
  const groups = new Map<Value, Item[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}

function asFailure(error: unknown): CommonplaceError {
  if (error instanceof CommonplaceError) return error;
  throw error;
}
