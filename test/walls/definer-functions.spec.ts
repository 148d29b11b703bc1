import type { Database } from '#platform';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openTestDatabase } from '../support/database.js';
import { newTenant, unitOf, type Opening, type Tenant } from '../support/tenants.js';

let database: Database;
let ours: Tenant;
let theirs: Tenant;
beforeAll(async () => {
  database = await openTestDatabase();
  ours = await newTenant(database);
  theirs = await newTenant(database);
  // With other numbers than ours, so that the head of one organisation is no key to the other.
  await database.maintenance('update policy_head set directory_version = 7 where org_id = $1', [theirs.org]);
});
afterAll(() => database.close());

const everyPool = () => [...Object.values(ours.pools), ...Object.values(theirs.pools)];
const STALE = 'AB001';

/** The memories that the function finds in the named pools, by a unit of the opening; or why not. */
function candidates(named: string[], opening: Partial<Opening> = {}, stale = false): Promise<unknown> {
  return unitOf(database, ours, opening, async (unit) => {
    if (stale) await unit.query({ text: `select set_config('app.policy_version', '2', true)` });
    const text = `select memory_id as id from sec.lexical_candidates($1::uuid[], '{ACTIVE}', 'word', '{word}', 100)`;
    return (await unit.query<{ id: string }>({ text, values: [named] })).map(({ id }) => id).sort();
  }).catch((error: { code?: string }) => error.code);
}

describe('sec.lexical_candidates', () => {
  const some = (tenant: Tenant, ...pools: string[]) => pools.map((pool) => tenant.memories[pool]).sort();

  it('finds nothing outside of the pools in reach', async () => {
    expect(await candidates(everyPool())).toEqual(some(ours, 'coder', 'shared'));
    expect(await candidates(everyPool(), { pools: [] })).toEqual([]);
  });

  it('finds nothing outside of the pools that are named', async () => {
    expect(await candidates([ours.pools['shared'] as string])).toEqual(some(ours, 'shared'));
    expect(await candidates([])).toEqual([]);
  });

  it('finds nothing of another organisation, whatever pools are named and in reach', async () => {
    expect(await candidates(everyPool(), { pools: everyPool() })).toEqual(some(ours, ...Object.keys(ours.pools)));
  });

  it('is behind the fence', async () => {
    expect(await candidates(everyPool(), {}, true)).toBe(STALE);
  });
});

describe('sec.open', () => {
  const opened = (tenant: Tenant, changes: Partial<Opening>) =>
    unitOf(database, tenant, changes, () => Promise.resolve('OK')).catch((error: { code?: string }) => error.code);

  it('refuses by itself what the fence refuses, before any statement', async () => {
    expect(await opened(ours, {})).toBe('OK');
    expect(await opened(ours, { policyVersion: 2 })).toBe(STALE);
  });

  it('compares with the head of its own organisation', async () => {
    expect(await opened(ours, { directoryVersion: 1 })).toBe('OK');
    expect(await opened(ours, { directoryVersion: 7 })).toBe(STALE);
    expect(await opened(theirs, { directoryVersion: 7 })).toBe('OK');
    expect(await opened(theirs, { directoryVersion: 1 })).toBe(STALE);
  });
});
