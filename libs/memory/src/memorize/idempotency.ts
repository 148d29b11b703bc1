import { CommonplaceError, newId } from '#kernel';
import { asWritten, find, open, type Batch, type Item, type Placed } from './batch.js';
import type { MemorizeOutcome } from '../memory.js';
import { inputHash } from './memorize-command.js';
import {
  claimKeys,
  deleteOldClaims,
  findClaims,
  settleClaims,
  type IdempotencyRecord,
} from './idempotency.repository.js';
import { storeItems } from './store-batch.js';

/** Old keys leave with new ones, so no job is needed; not with each, for every key of the principal is looked at. */
const TIDIED_EVERY_MS = 60_000;
const OLD_AT_ONCE = 1_000;
const MOST_REMEMBERED = 10_000;
const tidiedAt = new Map<string, number>();

/** Whether the caller's next request with a key has old ones to delete. */
export const isTidyingDue = (callerId: string): boolean =>
  performance.now() - (tidiedAt.get(callerId) ?? -Infinity) >= TIDIED_EVERY_MS;

/** Where there may be more they go with the next request. A unit that is rolled back tidies a minute later, and nothing is lost by that. */
export async function tidy({ unit, caller }: Batch): Promise<void> {
  const now = performance.now();
  if (!isTidyingDue(caller.id)) return;
  const deleted = await deleteOldClaims(unit, caller.orgId, caller.id, OLD_AT_ONCE);
  if (tidiedAt.size >= MOST_REMEMBERED) tidiedAt.clear();
  if (deleted < OLD_AT_ONCE) tidiedAt.set(caller.id, now);
}

/** Almost always a new memory comes of it: the claim says so from the start, and another answer is told afterwards. */
export const claimOf = (item: Item): IdempotencyRecord => ({
  key: item.command.idempotencyKey as string,
  inputHash: inputHash(item.command),
  memoryId: item.id as string,
  outcome: expectedOf(item),
});

const expectedOf = ({ status }: Item): MemorizeOutcome => (status === 'ACTIVE' ? 'CREATED' : 'PROPOSED');

const isAsClaimed = (item: Item): boolean =>
  item.result?.memory.id === item.id && item.result?.outcome === expectedOf(item);

/** Of several inputs with one idempotency key the first is written, if the key is free; the others get its answer. @returns those written. */
export async function writeOnce(batch: Batch, items: Item[]): Promise<Placed[]> {
  const firstOf = new Map<string, Item>();
  for (const item of open(items)) {
    const key = item.command.idempotencyKey;
    if (key !== null && !firstOf.has(key)) firstOf.set(key, item);
  }
  for (const item of firstOf.values()) item.id = newId();
  const claims = [...firstOf.values()].map(claimOf);
  const { orgId, id } = batch.caller;
  const free = claims.length ? await claimKeys(batch.unit, orgId, id, claims) : new Set<string>();
  const isWriter = (item: Item) => {
    const key = item.command.idempotencyKey;
    return key === null || (free.has(key) && firstOf.get(key) === item);
  };
  const written = open(items).filter(isWriter);
  await storeItems(batch, written);
  const others = [...firstOf].filter(([key, item]) => free.has(key) && !isAsClaimed(item));
  const settled = others.map(([key, { result }]) => {
    return { key, memoryId: result?.memory.id ?? null, outcome: result?.outcome ?? null };
  });
  if (settled.length) await settleClaims(batch.unit, orgId, id, settled);
  if (free.size) await tidy(batch);
  await replay(
    batch,
    open(items).filter((item) => !item.result),
  );
  return written;
}

export const failedBefore = (): CommonplaceError =>
  new CommonplaceError('UNAVAILABLE', 'The first request with this idempotency key failed; send it again.', {
    retryAfterMs: 0,
  });

export const usedForAnother = (): CommonplaceError =>
  new CommonplaceError('CONFLICT', 'The idempotency key was used for another input in the last 24 hours.');

/** The answer that the same key got before. */
async function replay(batch: Batch, items: Placed[]): Promise<void> {
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
    if (!record) item.error = failedBefore();
    else if (!record.inputHash.equals(inputHash(item.command))) item.error = usedForAnother();
    else {
      const memory = memories.get(record.memoryId) ?? asWritten(batch, record.memoryId, item);
      item.result = { memory, outcome: record.outcome, indexed: memory.indexed };
    }
  }
}
