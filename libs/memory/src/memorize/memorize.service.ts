import type { AccessService, DirectoryPool, Grants, Principal, Waits } from '#access';
import { badInput, CommonplaceError, type Clock } from '#kernel';
import type { JobQueue, Unit } from '#platform';
import { LIMITS, optionalText } from '../input.js';
import { insertVectors } from '../memory-index.repository.js';
import { isIn, type MemoryIndex } from '../memory-index.js';
import type { Memorized } from '../memory.js';
import { poolByKey } from '../read/pools.js';
import { isLeft, isNew, open, THOROUGH, type Batch, type Item, type Manner, type Placed } from './batch.js';
import { statusOf, type NewRow } from './new-status.js';
import { byPool, isRefusedForOthers, storeParts } from './by-pool.js';
import { isTidyingDue, writeOnce } from './idempotency.js';
import { RecentRepeats } from './recent-repeats.js';
import { SingleWrites } from './single-writes.js';
import { storeNew } from './store-new.js';
import { parseMemorize, requestHash, type MemorizeInput } from './memorize-command.js';
import { holdSources, isRepeated } from './memorize.repository.js';
import { writeRequestOnce } from './request-key.js';
import type { RequestKey } from './request-key.repository.js';

export interface MemorizeFailure {
  index: number;
  error: CommonplaceError;
}

/** `results` in the order of the inputs, failures left out. */
export interface MemorizedMany {
  results: Memorized[];
  failures: MemorizeFailure[];
}

/** In the transaction that stores: before anything is written, and with what came of each. */
export interface Around {
  before?: (batch: Batch) => void | Promise<void>;
  after?: (batch: Batch, items: readonly Item[]) => Promise<void>;
}

interface Plan extends Around {
  /** What stands already is left, and the unit ends with the statement that stores the others. */
  newAlone?: boolean;
  waits?: Waits | undefined;
  request?: RequestKey | undefined;
}

const LOCK_WAIT_MS = 5_000;

const keysOf = (items: readonly Item[]): string[] => items.flatMap(({ command }) => command.idempotencyKey ?? []);

export class MemorizeService {
  private readonly repeats = new RecentRepeats();
  private readonly singles = new SingleWrites({
    store: (caller, items, manner) => this.storeEach(caller, items, () => 'input', manner),
    isOneStatement: (caller, items) => this.isOneStatement(caller, items) && !this.repeats.areExpectedOf(caller.id),
  });

  constructor(
    private readonly access: AccessService,
    private readonly index: MemoryIndex,
    private readonly jobs: JobQueue,
    private readonly clock: Clock,
  ) {}

  async memorize(caller: Principal, input: MemorizeInput): Promise<Memorized> {
    const command = parseMemorize(input, 'input', this.clock);
    const vectors = (await this.index.embed([command.content]))?.[0] ?? [];
    const item: Item = { index: 0, command, vectors, status: 'ACTIVE' };
    await this.singles.write(caller, item);
    if (item.error) throw item.error;
    return item.result as Memorized;
  }

  /**
   * Each input stands or fails alone. Sent again with the same key, what was stored has the same answer, and what was refused is tried again.
   * @throws BAD_INPUT when there are too many, or too much, or inputs with keys of their own beside the request's.
   */
  async memorizeMany(
    caller: Principal,
    inputs: readonly MemorizeInput[],
    idempotencyKey: string | null = null,
  ): Promise<MemorizedMany> {
    if (inputs.length === 0 || inputs.length > LIMITS.batch)
      throw badInput('inputs', `has ${inputs.length} items; 1 to ${LIMITS.batch} are taken`);
    const bytes = inputs.reduce((sum, input) => sum + Buffer.byteLength(String(input.content)), 0);
    if (bytes > LIMITS.batchBytes)
      throw badInput('inputs', `have ${bytes} bytes of content together; at most ${LIMITS.batchBytes} are taken`);
    const key = optionalText(idempotencyKey, 'idempotencyKey', LIMITS.idempotencyKey);
    const keyed = inputs.findIndex((input) => input.idempotencyKey != null);
    if (key !== null && keyed >= 0)
      throw badInput(`inputs.${keyed}.idempotencyKey`, 'stands beside that of the request; give one or the other');
    return this.store(caller, inputs, key);
  }

  /**
   * All into one pool in one transaction, and `also` as the last part of it: each item has its result or its error by then, and
   * what `also` throws undoes them all.
   */
  async memorizeTogether(
    caller: Principal,
    inputs: readonly MemorizeInput[],
    path: (index: number) => string,
    around: Around,
  ): Promise<Item[]> {
    const { items, failures } = await this.prepare(inputs, path);
    const [first] = failures;
    if (first) throw first.error;
    const before = async (batch: Batch) => {
      const lost = items.find(({ error }) => error);
      if (lost) throw lost.error;
      await around.before?.(batch);
    };
    await this.write(caller, items, path, { ...around, before });
    return items;
  }

  private async prepare(
    inputs: readonly MemorizeInput[],
    path: (index: number) => string,
  ): Promise<{ items: Item[]; failures: MemorizeFailure[] }> {
    const failures: MemorizeFailure[] = [];
    const items: Item[] = [];
    inputs.forEach((input, index) => {
      try {
        items.push({ index, command: parseMemorize(input, path(index), this.clock), vectors: [], status: 'ACTIVE' });
      } catch (error) {
        failures.push({ index, error: asFailure(error) });
      }
    });
    const vectors = await this.index.embed(items.map((item) => item.command.content));
    items.forEach((item, place) => (item.vectors = vectors?.[place] ?? []));
    return { items, failures };
  }

  private async store(caller: Principal, inputs: readonly MemorizeInput[], key: string | null): Promise<MemorizedMany> {
    const path = (index: number) => `inputs.${index}`;
    const { items, failures } = await this.prepare(inputs, path);
    const request = key === null ? undefined : { key, inputHash: requestHash(items), inputs: inputs.length };
    await this.storeEach(caller, items, path, { repeats: 'left', request });
    const repeats = items.filter(isLeft);
    await this.storeEach(caller, repeats, path, { ...THOROUGH, request });
    // What came of a request under one key is one row: its pools would wait for each other there.
    if (!request)
      for (const part of [items, repeats]) if (isRefusedForOthers(part)) await this.storeByPool(caller, part, path);
    for (const { index, error } of items) if (error) failures.push({ index, error });
    failures.sort((a, b) => a.index - b.index);
    return { results: items.flatMap((item) => item.result ?? []), failures };
  }

  /**
   * In one transaction. What fails as a whole (the database, a revoked key) fails for each of them. Where all of them are new, as
   * almost always, and repeats are left, one round trip stores them.
   */
  private async storeEach(
    caller: Principal,
    items: Item[],
    path: (index: number) => string,
    { repeats, waits, request }: Manner,
  ): Promise<void> {
    if (items.length === 0) return;
    const onlyNew =
      repeats === 'left' && this.isOneStatement(caller, items, request) && !this.repeats.areExpectedNowOf(caller.id);
    try {
      await this.write(caller, items, path, onlyNew ? { newAlone: true, waits, request } : { request });
    } catch (error) {
      for (const item of items) item.result = item.error = undefined;
      // Nothing of the unit is stored, and all of them are left.
      const isRepeat = onlyNew && isRepeated(error);
      const failure = isRepeat ? undefined : asFailure(error);
      for (const item of items) item.error = failure;
    }
    if (items.some(isLeft)) this.repeats.wereMadeBy(caller.id);
  }

  /** Whether nothing is to be done for them but to store them with their vectors, and to claim their keys. */
  private isOneStatement({ id }: Principal, items: readonly Item[], request?: RequestKey): boolean {
    const keys = request ? [request.key] : keysOf(items);
    if (new Set(keys).size < keys.length || (keys.length > 0 && isTidyingDue(id))) return false;
    const isComplete = ({ command, vectors }: Item) =>
      command.derivedFrom.length === 0 && (!this.index.configured || vectors.length > 0);
    return items.every(isComplete);
  }

  private async storeByPool(caller: Principal, items: Item[], path: (index: number) => string): Promise<void> {
    const pools = byPool(items, caller.role);
    if (pools.length > 1) await storeParts(pools, (ofPool) => this.storeEach(caller, ofPool, path, THOROUGH));
  }

  private async write(
    caller: Principal,
    items: Item[],
    path: (index: number) => string,
    { before, after, newAlone = false, waits, request }: Plan,
  ): Promise<void> {
    const space = await this.index.space();
    const store = async (unit: Unit, grants: Grants) => {
      for (const item of items) item.error = item.result = undefined;
      const batch: Batch = { caller, unit, grants, space, now: this.clock.now(), request };
      for (const item of items) place(batch, item, path);
      await before?.(batch);
      for (const item of open(items)) decide(batch, item);
      await checkSources(batch, open(items), path);
      const isComplete = ({ status, vectors }: Item) => status === 'ACTIVE' && isIn(space, vectors);
      if (newAlone && open(items).every(isComplete) && (await storeNew(batch, open(items)))) return;
      const written = await (request ? writeRequestOnce(batch, request, items) : writeOnce(batch, items));
      if (this.index.configured) await this.indexCreated(batch, written);
      await after?.(batch, items);
    };
    await this.access.write(caller, store, waits ?? this.patience(caller, items, request));
  }

  /** Of several pools none waits long for another's: those of the others are stored without it, where they may be. */
  private patience(caller: Principal, items: readonly Item[], request?: RequestKey): Waits {
    return !request && byPool(items, caller.role).length > 1 ? { lockTimeoutMs: LOCK_WAIT_MS } : {};
  }

  private async indexCreated({ unit, caller, space }: Batch, items: Placed[]): Promise<void> {
    const created = items.filter(isNew);
    const idOf = (item: Placed) => (item.result as Memorized).memory.id;
    const vectors = created.flatMap((item) =>
      item.vectors.map((vector) => ({ ...vector, memoryId: idOf(item), poolId: item.pool.id })),
    );
    if (vectors.length) await insertVectors(unit, caller.orgId, vectors);
    const waiting = created.filter((item) => !isIn(space, item.vectors)).map(idOf);
    if (waiting.length) await this.jobs.enqueue(unit, 'embed', { memoryIds: waiting });
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

function place({ grants, caller }: Batch, item: Item, path: (index: number) => string): void {
  try {
    item.pool = targetPool(grants, caller, item, path);
  } catch (error) {
    item.error = asFailure(error);
  }
}

function decide({ caller, grants, now }: Batch, item: Placed): void {
  const { type, entityId, sessionId, speaker, importance, labels, validFrom } = item.command;
  // Named one by one: a spread with fields behind it takes 10 µs in Node.js 20, fifty times as much.
  const row: NewRow = {
    id: '',
    poolId: item.pool.id,
    type,
    status: 'ACTIVE',
    entityId,
    sessionId,
    speaker,
    authorId: caller.id,
    authorRole: caller.role,
    importance,
    labels,
    createdAt: now,
    validFrom,
  };
  try {
    item.status = statusOf(grants, row);
  } catch (error) {
    item.error = asFailure(error);
  }
}

/**
 * Provenance may only name what its author can read: anything else would tell that it is there. Nor what was forgotten: what is
 * made of it now was made of what it said, and must not be stored behind its back.
 */
async function checkSources(batch: Batch, items: Item[], path: (index: number) => string): Promise<void> {
  const { unit, caller, grants, now } = batch;
  const ids = [...new Set(items.flatMap((item) => item.command.derivedFrom))];
  if (ids.length === 0) return;
  const found = await holdSources(unit, { orgId: caller.orgId, filter: grants.readFilter, now, space: null }, ids);
  for (const item of items) {
    const place = item.command.derivedFrom.findIndex((id) => !found.has(id));
    if (place >= 0)
      item.error = badInput(
        `${path(item.index)}.derivedFrom.${place}`,
        'there is no such memory, it was forgotten, or it is not yours to see',
      );
  }
}

function asFailure(error: unknown): CommonplaceError {
  if (error instanceof CommonplaceError) return error;
  throw error;
}
