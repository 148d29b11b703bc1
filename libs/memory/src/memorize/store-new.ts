import { newId } from '#kernel';
import { asWritten, type Batch, type Placed } from './batch.js';
import { claimOf } from './idempotency.js';
import { contentHash } from './memorize-command.js';
import { insertNew } from './memorize.repository.js';
import { memoryIdsOf } from './request-key.js';
import { answer, byIdentity, identity, writeOf } from './store-batch.js';

/**
 * Stores each that is new, of content and under its key, and ends the unit with that: the others are left without a result.
 * @param items no two under one key, unless it is the request's
 * @throws what isRepeated where some have keys, and one's content stands
 * @returns false where nothing was sent: of equal ones the first may have a key that an earlier request has, and the second none
 */
export async function storeNew(batch: Batch, items: Placed[]): Promise<boolean> {
  if (items.length === 0) return true;
  const { request } = batch;
  const keyed = items.filter(({ command }) => request !== undefined || command.idempotencyKey !== null);
  for (const item of keyed) item.id = newId();
  const { fresh, equals } = byIdentity(items, (command) => contentHash(command));
  if (keyed.length > 0 && fresh.size < items.length) return false;
  // Nothing is numbered behind its statement: the answer to a used key waits for no pool.
  const write = writeOf(batch, { status: 'ACTIVE', pools: [] });
  const vectors = [...fresh].flatMap(([key, { id, pool }]) =>
    (equals.get(key)?.[0]?.vectors ?? []).map((vector) => ({ ...vector, memoryId: id, poolId: pool.id })),
  );
  const beside = request
    ? { vectors, claims: [], request: { key: request, memoryIds: memoryIdsOf(request, keyed) } }
    : { vectors, claims: keyed.map(claimOf) };
  for (const { id, poolId, hash } of await insertNew(batch.unit, write, [...fresh.values()], beside)) {
    const same = equals.get(identity(poolId, hash)) as Placed[];
    answer(same, asWritten(batch, id, same[0] as Placed), 'CREATED');
  }
  return true;
}
