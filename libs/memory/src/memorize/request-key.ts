import { asWritten, find, open, type Batch, type Item, type Placed } from './batch.js';
import { failedBefore, tidy, usedForAnother } from './idempotency.js';
import {
  claimRequest,
  holdRequest,
  settleRequest,
  type RequestKey,
  type RequestOutcome,
} from './request-key.repository.js';
import { storeItems } from './store-batch.js';

/** Of each input of the request the id that its item was given. */
export function memoryIdsOf({ inputs }: RequestKey, items: readonly Item[]): (string | null)[] {
  const ids = nullsFor(inputs);
  for (const { index, id } of items) ids[index] = id as string;
  return ids;
}

/**
 * Inputs of one key in one unit: what was stored under it before has the answer that it had, and the rest is stored, be it for the
 * first time or refused the last. @returns those stored now
 */
export async function writeRequestOnce(batch: Batch, request: RequestKey, items: Item[]): Promise<Placed[]> {
  const { unit, caller } = batch;
  const isFree = await claimRequest(unit, caller, request);
  const before = isFree
    ? { inputHash: request.inputHash, memoryIds: [], outcomes: [] }
    : await holdRequest(unit, caller, request.key);
  if (!before?.inputHash.equals(request.inputHash)) {
    for (const item of open(items)) item.error = before ? usedForAnother() : failedBefore();
    return [];
  }
  await replay(batch, before, open(items));
  const written = open(items).filter((item) => !item.result);
  await storeItems(batch, written);
  if (isFree || written.length > 0) await settleRequest(unit, caller, request.key, outcomeOf(request, before, items));
  if (isFree) await tidy(batch);
  return written;
}

async function replay(batch: Batch, { memoryIds, outcomes }: RequestOutcome, items: readonly Placed[]): Promise<void> {
  const ids = memoryIds.filter((id) => id !== null);
  const memories = new Map((await find(batch, ids)).map((memory) => [memory.id, memory]));
  for (const item of items) {
    const id = memoryIds[item.index];
    if (!id) continue;
    const memory = memories.get(id) ?? asWritten(batch, id, item);
    // What one statement stored is all new, and says no more.
    item.result = { memory, outcome: outcomes[item.index] ?? 'CREATED', indexed: memory.indexed };
  }
}

function outcomeOf({ inputs }: RequestKey, before: RequestOutcome, items: readonly Item[]): RequestOutcome {
  const memoryIds = nullsFor(inputs).map((_, index) => before.memoryIds[index] ?? null);
  const outcomes = memoryIds.map((id, index) => (id === null ? null : (before.outcomes[index] ?? 'CREATED')));
  for (const { index, result } of items) {
    if (!result) continue;
    memoryIds[index] = result.memory.id;
    outcomes[index] = result.outcome;
  }
  return { memoryIds, outcomes };
}

const nullsFor = (inputs: number): (string | null)[] => new Array<string | null>(inputs).fill(null);
