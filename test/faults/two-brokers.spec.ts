import { beforeAll, describe, expect } from '@jest/globals';
import { registerAgent, type TestClient } from '../support/api.js';
import { BrokerProcess, newStore } from '../support/broker-process.js';
import { isNative, nativeOnly, openTestDatabase, itOnNative } from '../support/database.js';
import { MEMORIZE, memorize } from '../support/memories.js';
import { activePolicy, allow, deny, type Statement } from '../support/policy.js';

const FLIPS = 1_000;
const EDITORS = 8;
const EDITS_OF_EACH = 5;
const ACTIVATE = 'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }';

let here: TestClient;
let there: TestClient;
let pids: number[];
let databaseUrl: string | undefined;

beforeAll(async () => {
  if (!isNative) return;
  const store = await newStore();
  databaseUrl = store['DATABASE_URL'];
  const brokers = [await BrokerProcess.start(store), await BrokerProcess.start(store)] as const;
  [here, there] = [brokers[0].client, brokers[1].client];
  pids = brokers.map(({ pid }) => pid);
}, 120_000);

async function activate(admin: TestClient, expectedVersion: number, statements: readonly unknown[]): Promise<number> {
  const input = { expectedVersion, statements };
  const answer = await admin.ask<{ activatePolicy: { policy: { version: number } } }>(ACTIVATE, { input });
  return answer.activatePolicy.policy.version;
}

describe('two brokers on one Postgres', () => {
  itOnNative(
    nativeOnly(`answer under the edit that the other one acknowledged, ${FLIPS} times of ${FLIPS}`),
    async () => {
      expect(new Set(pids).size).toBe(2);
      const tester = await registerAgent(here, 'tester');
      const coder = await registerAgent(here, 'coder');
      const atOther = there.as(tester.key);
      const id = await memorize(coder, { content: 'the flipping memory', sessionId: 'flips' });
      let { version, statements } = await activePolicy(here);
      const denied = [...statements, deny('tester', ['READ'], ['coder'], { id: 'flip' })];
      // Each asks in its own way, and what it answers is whether it was let in.
      const ways: (() => Promise<boolean>)[] = [
        async () => (await atOther.ask<{ memory: unknown }>(`{ memory(id: "${id}") { id } }`)).memory !== null,
        async () =>
          (
            await atOther.ask<{ recall: { hits: unknown[] } }>(
              '{ recall(input: {query: "flipping"}) { hits { rank } } }',
            )
          ).recall.hits.length > 0,
        async () =>
          (
            await atOther.ask<{ memories: { totalCount: number } }>(
              '{ memories(filter: {sessionId: "flips"}) { totalCount } }',
            )
          ).memories.totalCount > 0,
        async () => {
          const { pools } = await atOther.ask<{ pools: { key: string }[] }>('{ pools { key } }');
          return pools.some(({ key }) => key === 'coder');
        },
        async () =>
          (await atOther.code(MEMORIZE, {
            input: { type: 'EPISODIC', content: 'made from it', pool: 'tester', derivedFrom: [id] },
          })) === undefined,
      ];
      const stale: string[] = [];
      for (let flip = 0; flip < FLIPS; flip++) {
        const allowed = flip % 2 === 1;
        // One is under way while the edit commits: either answer is right, and none may fail.
        const underWay = ways[flip % 3]?.();
        version = await activate(here, version, allowed ? statements : denied);
        const asked = [ways[flip % ways.length], ways[(flip + 2) % ways.length]] as (() => Promise<boolean>)[];
        const answers = await Promise.all(asked.map((ask) => ask()));
        if (answers.some((answer) => answer !== allowed))
          stale.push(`flip ${flip}: ${JSON.stringify({ allowed, answers })}`);
        await underWay;
      }
      expect(stale).toEqual([]);
      statements = (await activePolicy(there)).statements;
      expect(statements.some(({ id: name }) => name === 'flip')).toBe(false);
    },
    600_000,
  );

  itOnNative(nativeOnly('hear of edits from nobody: no session of the database listens'), async () => {
    const database = await openTestDatabase(databaseUrl);
    const { rows } = await database.maintenance<{ query: string }>(
      `select query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    await database.close();
    expect(rows.length).toBeGreaterThan(1);
    expect(rows.filter(({ query }) => /^\s*(un)?listen\b/i.test(query))).toEqual([]);
  });

  itOnNative(nativeOnly('hold to an edit that one of them could hear nothing of'), async () => {
    // Cut off for a while: stopped, it can hear nothing, and goes on as it was.
    const other = pids[1] as number;
    process.kill(other, 'SIGSTOP');
    const { version, statements } = await activePolicy(here);
    const tester = await registerAgent(here, 'tester');
    const without = statements.filter(({ id }) => id !== 'tester-own');
    await activate(here, version, without);
    process.kill(other, 'SIGCONT');
    const input = { type: 'EPISODIC', content: 'too late', pool: 'tester' };
    expect(await there.as(tester.key).code(MEMORIZE, { input })).toBe('BAD_INPUT');
    await activate(here, version + 1, statements);
    expect(await there.as(tester.key).code(MEMORIZE, { input })).toBeUndefined();
  });

  itOnNative(
    nativeOnly(`make a chain of the edits of ${EDITORS} editors: each version is the one before and one edit`),
    async () => {
      const { version: first, statements: before } = await activePolicy(here);
      const made: { version: number; id: string }[] = [];
      let conflicts = 0;
      const editor = async (n: number) => {
        const admin = n % 2 ? here : there;
        for (let edit = 0; edit < EDITS_OF_EACH;) {
          const { version, statements } = await activePolicy(admin);
          const own = allow('tester', ['READ'], ['planner'], { id: `editor-${n}-${edit}` });
          const answer = await admin.send(ACTIVATE, {
            input: { expectedVersion: version, statements: [...statements, own] },
          });
          if (answer.errors) {
            expect(answer.errors[0]?.extensions.code).toBe('CONFLICT');
            conflicts++;
            continue;
          }
          const done = answer.data as { activatePolicy: { policy: { version: number } } };
          made.push({ version: done.activatePolicy.policy.version, id: `editor-${n}-${edit}` });
          edit++;
        }
      };
      await Promise.all(Array.from({ length: EDITORS }, (_, n) => editor(n)));
      expect(conflicts).toBeGreaterThan(0);
      const total = EDITORS * EDITS_OF_EACH;
      const versions = made.map(({ version }) => version).sort((a, b) => a - b);
      expect(versions).toEqual(Array.from({ length: total }, (_, n) => first + 1 + n));
      const chain = made.sort((a, b) => a.version - b.version);
      let expected = before.map(({ id }) => id);
      for (const { version, id } of chain) {
        expected = [...expected, id];
        const query = `{ policy(version: ${version}) { statements { id } } }`;
        const { policy } = await there.ask<{ policy: { statements: Statement[] } }>(query);
        expect({ version, ids: policy.statements.map((one) => one.id) }).toEqual({ version, ids: expected });
      }
    },
    300_000,
  );
});
