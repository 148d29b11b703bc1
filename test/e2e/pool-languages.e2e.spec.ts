import { Reanalysis } from '#memory';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';
import { allow, editPolicy } from '../support/policy.js';

let api: TestApi;
let planner: TestClient;
beforeAll(async () => {
  api = await startTestApi();
  planner = await api.agent('planner');
  await api.admin.ask('mutation ($input: CreatePoolInput!) { createPool(input: $input) { key } }', {
    input: { key: 'vertrieb', kind: 'SHARED', language: 'GERMAN' },
  });
  const more = allow('planner', ['READ', 'WRITE', 'REVISE'], ['vertrieb']);
  await editPolicy(api.admin, (statements) => [...statements, more]);
});
afterAll(() => api.close());

const hits = async (query: string, pools?: string[]): Promise<(string | null)[]> => {
  const text = 'query ($input: RecallInput!) { recall(input: $input) { hits { memory { content } } } }';
  type Answer = { recall: { hits: { memory: { content: string | null } }[] } };
  const { recall } = await planner.ask<Answer>(text, { input: { query, pools } });
  return recall.hits.map(({ memory }) => memory.content);
};
const SET =
  'mutation ($key: String!, $language: Language!) { setPoolLanguage(key: $key, language: $language) { key language } }';
const readAgain = () =>
  new Reanalysis(
    api.broker.access,
    () => undefined,
    (error) => {
      throw error;
    },
  ).run();

it('finds what is said in the language of the pool, in whatever form of the word', async () => {
  await memorize(planner, { content: 'Die Verträge liegen in den Häusern am Hafen', pool: 'vertrieb' });
  expect(await hits('In welchem Haus liegt der Vertrag?')).toEqual(['Die Verträge liegen in den Häusern am Hafen']);
  expect(await hits('Vertrag', ['vertrieb'])).toHaveLength(1);
  expect(await planner.ask('{ pool(key: "vertrieb") { language } shared: pool(key: "shared") { language } }')).toEqual({
    pool: { language: 'GERMAN' },
    shared: { language: 'ENGLISH' },
  });
});

it('finds in pools of several languages at once, and gives each memory one place', async () => {
  await memorize(planner, { content: 'the servers in the data centre were restarted', pool: 'shared' });
  await memorize(planner, { content: 'Alle Server im Rechenzentrum wurden neu gestartet', pool: 'vertrieb' });
  const found = await hits('restarting a server');
  expect(found[0]).toBe('the servers in the data centre were restarted');
  expect(found).toContain('Alle Server im Rechenzentrum wurden neu gestartet');
});

it('is revised in it', async () => {
  const id = await memorize(planner, { content: 'Der Entwurf', pool: 'vertrieb' });
  await planner.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', {
    input: { id, expectedVersion: 1, content: 'Die Bücher sind geprüft' },
  });
  expect(await hits('Buch', ['vertrieb'])).toEqual(['Die Bücher sind geprüft']);
});

it('is changed by admins alone, audited, and read again in the background', async () => {
  await memorize(planner, { content: 'les journaux du chantier', pool: 'planner' });
  expect(await hits('journal', ['planner'])).toEqual([]);
  expect(await planner.code(SET, { key: 'planner', language: 'FRENCH' })).toBe('FORBIDDEN');
  expect(await api.admin.code(SET, { key: 'nowhere', language: 'FRENCH' })).toBe('NOT_FOUND');
  expect(await api.admin.code(SET, { key: 'planner', language: 'KLINGON' })).toBe('BAD_INPUT');
  const set = await api.admin.ask(SET, { key: 'planner', language: 'FRENCH' });
  expect(set).toEqual({ setPoolLanguage: { key: 'planner', language: 'FRENCH' } });
  expect(await readAgain()).toBeGreaterThan(0);
  expect(await hits('journal', ['planner'])).toEqual(['les journaux du chantier']);
  expect(await readAgain()).toBe(0);
  const { auditLog } = await api.admin.ask<{ auditLog: { nodes: object[] } }>(
    '{ auditLog(first: 1) { nodes { action target detail } } }',
  );
  expect(auditLog.nodes).toMatchObject([
    { action: 'pool.language', target: 'planner', detail: { language: 'FRENCH' } },
  ]);
  await api.admin.ask(SET, { key: 'planner', language: 'ENGLISH' });
  await readAgain();
  expect(await hits('journal', ['planner'])).toEqual([]);
});
