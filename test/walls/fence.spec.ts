import { newId } from '#kernel';
import type { Database } from '#platform';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { itOnNative, nativeOnly, openTestDatabase } from '../support/database.js';
import { insertKey, newTenant, unitOf, type Opening, type Tenant } from '../support/tenants.js';

const STALE = 'AB001';
const KEY_ENDED = 'AB002';

let database: Database;
let ours: Tenant;
/** Another organisation, with the same roles, pools and versions. */
let theirs: Tenant;

beforeAll(async () => {
  database = await openTestDatabase();
  ours = await newTenant(database);
  theirs = await newTenant(database);
});
afterAll(() => database.close());

const ask = async (text: string, values: unknown[] = []) => (await database.maintenance(text, values)).rows;
const run = (text: string, values: unknown[] = [], changes: Partial<Opening> = {}) =>
  unitOf(database, ours, changes, (unit) => unit.query<Record<string, unknown>>({ text, values }));
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'OK',
    (error: { code?: unknown }) => error.code,
  );

describe('the fence', () => {
  const SEE = 'select memory_id from memory';

  it('refuses what was compiled from another policy, another directory, or ran out', async () => {
    expect(await codeOf(run(SEE))).toBe('OK');
    for (const changes of [
      { policyVersion: 0 },
      { policyVersion: 2 },
      { directoryVersion: 0 },
      { directoryVersion: 2 },
    ]) {
      expect(await codeOf(run(SEE, [], changes))).toBe(STALE);
    }
    expect(await codeOf(run(SEE, [], { validUntil: new Date(Date.now() - 1000) }))).toBe(STALE);
    expect(await codeOf(run(SEE, [], { validUntil: new Date(Date.now() + 60_000) }))).toBe('OK');
    expect(await codeOf(run(SEE, [], { org: newId() }))).toBe(STALE);
  });

  it('refuses a key that was revoked, has expired, is of another organisation, or never was', async () => {
    const revoked = await insertKey(database, ours, { revokedAt: new Date() });
    const expired = await insertKey(database, ours, { expiresAt: new Date(Date.now() - 1000) });
    for (const key of [revoked, expired, theirs.key, newId()])
      expect(await codeOf(run(SEE, [], { key }))).toBe(KEY_ENDED);
    await ask('delete from api_key where key_id = any($1::uuid[])', [[revoked, expired]]);
    await ask('update policy_head set directory_version = 1 where org_id = $1', [ours.org]);
  });

  it('is asked again by every statement: what it was opened with cannot be changed for the worse behind it', async () => {
    const after = (setting: string, value: string) =>
      codeOf(
        unitOf(database, ours, {}, async (unit) => {
          await unit.query({ text: SEE });
          await unit.query({ text: 'select set_config($1, $2, true)', values: [setting, value] });
          await unit.query({ text: SEE });
        }),
      );
    expect(await after('app.policy_version', '2')).toBe(STALE);
    expect(await after('app.policy_version', '')).toBe(STALE);
    expect(await after('app.directory_version', '')).toBe(STALE);
    expect(await after('app.valid_until', '2020-01-01')).toBe(STALE);
    expect(await after('app.key', theirs.key)).toBe(KEY_ENDED);
    expect(await after('app.policy_version', '1')).toBe('OK');
  });

  it('is raised by whatever ends a key, and by nothing else that happens to one', async () => {
    const version = async () => {
      const text = 'select directory_version as n from policy_head where org_id = $1';
      return ((await ask(text, [ours.org])) as [{ n: number }])[0].n;
    };
    for (const [change, raises] of [
      ['last_used_at = now()', 0],
      ['revoked_at = now()', 1],
      ['revoked_at = revoked_at', 0],
      ['revoked_at = null', 1],
      [`expires_at = now() + interval '1 hour'`, 1],
      ['expires_at = null', 1],
    ] as const) {
      const before = await version();
      await ask(`update api_key set ${change} where key_id = $1`, [ours.key]);
      expect([change, (await version()) - before]).toEqual([change, raises]);
    }
    const gone = await insertKey(database, ours, {});
    const before = await version();
    await ask('delete from api_key where key_id = $1', [gone]);
    expect((await version()) - before).toBe(1);
    await ask('update policy_head set directory_version = 1 where org_id = $1', [ours.org]);
  });

  it('lets the unit that ends a key go on under the version that it makes', async () => {
    const end = 'update api_key set revoked_at = now() where key_id = $1';
    const other = await insertKey(database, ours, {});
    expect(
      await codeOf(
        unitOf(database, ours, { administer: true }, async (unit) => {
          await unit.query({ text: end, values: [other] });
          await unit.query({ text: SEE });
        }),
      ),
    ).toBe('OK');
    await ask('delete from api_key where key_id = $1', [other]);
    await ask('update policy_head set directory_version = 1 where org_id = $1', [ours.org]);
  });

  itOnNative(
    nativeOnly('stops a unit that is under way at its next statement, when the policy is edited or its key revoked'),
    async () => {
      const meanwhile = (text: string, values: unknown[]) =>
        codeOf(
          unitOf(database, ours, {}, async (unit) => {
            await unit.query({ text: SEE });
            await ask(text, values);
            await unit.query({ text: SEE });
          }),
        );
      expect(await meanwhile('update policy_head set directory_version = 2 where org_id = $1', [ours.org])).toBe(STALE);
      await ask('update policy_head set directory_version = 1 where org_id = $1', [ours.org]);
      expect(await meanwhile('update api_key set revoked_at = now() where key_id = $1', [ours.key])).toBe(STALE);
      await ask('update api_key set revoked_at = null where key_id = $1', [ours.key]);
      await ask('update policy_head set directory_version = 1 where org_id = $1', [ours.org]);
    },
  );

  it('notes under which snapshot it looked', async () => {
    const text = `select starts_with(current_setting('app.fenced'), pg_current_snapshot()::text || ' ') as noted from memory limit 1`;
    expect(await run(text)).toEqual([{ noted: true }]);
  });

  it('looks once a snapshot, however many tables a statement reads', async () => {
    const looks = await unitOf(database, ours, {}, async (unit) => {
      const scans = async () => {
        const text = `select seq_scan + coalesce(idx_scan, 0) as n from pg_stat_xact_all_tables where relname = 'policy_head'`;
        const [row] = await unit.query<{ n: number }>({ text });
        return Number(row?.n);
      };
      await unit.query({ text: `select set_config('app.fenced', '', true)` });
      const before = await scans();
      await unit.query({
        text: 'select (select count(*) from memory), (select count(*) from pool), (select count(*) from principal)',
      });
      return (await scans()) - before;
    });
    expect(looks).toBe(1);
  });

  // On native Postgres any commit on the server makes it look again: there the embedded run is the sharper one.
  it('asks the clock in every statement, though nothing was written since the last one', async () => {
    const until = async () => {
      const [row] = (await ask(`select clock_timestamp() + interval '8 seconds' as until`)) as [{ until: Date }];
      return row.until;
    };
    const beforeAndAfter = async (end: Date, changes: Partial<Opening>) => {
      const codes: unknown[] = [];
      await unitOf(database, ours, changes, async (unit) => {
        codes.push(await codeOf(unit.query({ text: SEE })));
        await unit.query({
          text: "select pg_sleep_until($1::timestamptz + interval '10 milliseconds')",
          values: [end],
        });
        codes.push(await codeOf(unit.query({ text: SEE })));
      }).catch(() => undefined);
      return codes;
    };
    const validUntil = await until();
    expect(await beforeAndAfter(validUntil, { validUntil })).toEqual(['OK', STALE]);
    const expiresAt = await until();
    const key = await insertKey(database, ours, { expiresAt });
    expect(await beforeAndAfter(expiresAt, { key })).toEqual(['OK', KEY_ENDED]);
    await ask('delete from api_key where key_id = $1', [key]);
    await ask('update policy_head set directory_version = 1 where org_id = $1', [ours.org]);
  });
});
