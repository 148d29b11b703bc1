import { ConsolidationWorker } from '#memory';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { runsOf } from '../support/consolidation.js';
import { memorize } from '../support/memories.js';

let api: TestApi;
let coder: TestClient & { id: string };
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder', { privatePool: true });
});
afterAll(() => api.close());

const SCHEDULE = `mutation ($key: String!, $cron: String) { setPoolConsolidation(key: $key, cron: $cron) { key consolidationCron } }`;
const schedule = async (key: string, cron: string | null) =>
  (await api.admin.ask<{ setPoolConsolidation: { consolidationCron: string | null } }>(SCHEDULE, { key, cron }))
    .setPoolConsolidation.consolidationCron;
const cronOf = async (client: TestClient, key: string) =>
  (await client.ask<{ pool: { consolidationCron: string | null } }>(`{ pool(key: "${key}") { consolidationCron } }`))
    .pool.consolidationCron;
const sql = (text: string, values: unknown[] = []) => api.broker.database.maintenance(text, values);
/** As if the schedule had been set, and the pool made, so long ago. */
const ago = async (key: string, interval: string) => {
  await sql(`update pool set nightly_since = now() - $2::interval where key = $1`, [key, interval]);
  await sql(
    `update pool_consolidation c set since = now() - $2::interval from pool p where p.key = $1 and c.pool_id = p.pool_id`,
    [key, interval],
  );
};
const another = () =>
  new ConsolidationWorker({
    ...api.broker.consolidationWorker['parts'],
    alone: false,
    onError: (error) => {
      throw error;
    },
  });

describe('the schedule of a pool', () => {
  it('is every night unless told, and never for an agent of its own', async () => {
    expect(await cronOf(coder, 'coder')).toBe('0 3 * * *');
    expect(await cronOf(coder, `agent:${coder.id}`)).toBeNull();
  });

  it('is set by admins, and told in the audit log', async () => {
    expect(await coder.code(SCHEDULE, { key: 'coder', cron: '* * * * *' })).toBe('FORBIDDEN');
    expect(await schedule('coder', ' 30  4 * * 1-5 ')).toBe('30 4 * * 1-5');
    expect(await cronOf(coder, 'coder')).toBe('30 4 * * 1-5');
    expect(await schedule('coder', null)).toBeNull();
    expect(await cronOf(coder, 'coder')).toBeNull();
    const { auditLog } = await api.admin.ask<{ auditLog: { nodes: unknown[] } }>(
      '{ auditLog(first: 1) { nodes { action target detail } } }',
    );
    expect(auditLog.nodes).toMatchObject([{ action: 'pool.consolidation', target: 'coder', detail: { cron: null } }]);
  });

  it.each(['* * * *', '* * * * * *', '99 3 * * *', 'every night', '', '0 3 31 2 *', `0 3 * * ${'1,'.repeat(60)}1`])(
    'is refused as %j',
    async (cron) => {
      expect(await api.admin.code(SCHEDULE, { key: 'coder', cron })).toBe('BAD_INPUT');
    },
  );
});

describe('a run by schedule', () => {
  it('is begun once, by whichever broker looks first, for nobody', async () => {
    await memorize(coder, { content: 'something to look at' });
    await schedule('coder', '* * * * *');
    await ago('coder', '2 days');
    await Promise.all([another().look(), another().look()]);
    const runs = await runsOf(api.admin, 'coder');
    expect(runs).toMatchObject([{ status: 'SUCCEEDED', askedBy: null, dryRun: false }]);
    await another().look();
    const { auditLog } = await api.admin.ask<{ auditLog: { nodes: unknown[] } }>(
      '{ auditLog(first: 1) { nodes { action target principal { id } } } }',
    );
    expect(auditLog.nodes).toEqual([{ action: 'consolidation.run', target: runs[0]?.id, principal: null }]);
  });

  it('that was missed many times is made up for once', async () => {
    await schedule('coder', '0 * * * *');
    await sql('delete from consolidation_run');
    await ago('coder', '10 days');
    for (let look = 0; look < 3; look++) await another().look();
    expect(await runsOf(api.admin, 'coder')).toHaveLength(1);
  });

  it('comes not before its time, not where there is nothing, and not where it is off', async () => {
    await sql('delete from consolidation_run');
    await schedule('coder', '* * * * *');
    await sql(`update pool_consolidation set since = date_trunc('minute', now()) + interval '10 minutes'`);
    await ago('shared', '2 days');
    await another().look();
    await schedule('coder', null);
    await ago('coder', '2 days');
    await another().look();
    expect(await runsOf(api.admin)).toEqual([]);
  });

  it('comes every night where nothing was said, but not on the day of an upgrade', async () => {
    await sql('delete from consolidation_run');
    await sql('delete from pool_consolidation');
    await sql('update pool set nightly_since = now()');
    await another().look();
    expect(await runsOf(api.admin)).toEqual([]);
    await ago('coder', '2 days');
    await another().look();
    expect((await runsOf(api.admin)).map(({ pool }) => pool.key)).toEqual(['coder']);
  });
});
