import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { exportMemories, type ExportOptions } from '../../apps/cli/src/export/export-memories.js';
import { importFile } from '../../apps/cli/src/import/import-file.js';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { temporaryFolder } from '../support/broker-process.js';
import { memorize } from '../support/memories.js';
import { deny, editPolicy } from '../support/policy.js';

const RICH = {
  content: 'The vault opens at noon,\nand "closes" at 🌙',
  type: 'PROCEDURAL',
  entityId: 'vault',
  sessionId: 'session-7',
  speaker: 'Grace',
  importance: 'HIGH',
  labels: ['treasure', 'time'],
  metadata: { code: 4711, nested: { list: [1, null, 'x'] } },
  validFrom: '2025-03-01T10:00:00.123Z',
  expiresAt: '2999-01-01T00:00:00.000Z',
};
const MANY = 230;

const folder = temporaryFolder();
let [from, to]: TestApi[] = [];
let coder: TestClient;
let tester: TestClient;

beforeAll(async () => {
  [from, to] = [await startTestApi(), await startTestApi()];
  coder = await from.agent('coder');
  tester = await from.agent('tester');
  const notes = Array.from({ length: MANY }, (_, n) => ({
    content: `note ${n} of the build`,
    type: 'EPISODIC',
    sessionId: `s${n % 7}`,
  }));
  for (let at = 0; at < MANY; at += 100) {
    await coder.ask(
      'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { failures { message } } }',
      {
        inputs: notes.slice(at, at + 100),
      },
    );
  }
  await memorize(coder, RICH);
});
afterAll(async () => {
  await from?.close();
  await to?.close();
});

const silent = () => new Writable({ write: (_chunk, _encoding, done) => done() });
const place = (name: string) => path.join(folder, name);
const exportAs = (client: TestClient, name: string, options: Partial<ExportOptions> = {}) =>
  exportMemories({ url: client.url, key: client.key, out: place(name), stream: silent(), ...options });
const lines = (name: string) =>
  fs
    .readFileSync(place(name), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** All that a memory says of itself, in the order of the list: whatever an export is to keep. */
async function listed(client: TestClient): Promise<unknown[]> {
  const query = `query ($after: String) { memories(first: 100, after: $after, filter: {pools: ["coder"]}) {
    nodes { content pool { key } type entityId sessionId speaker importance labels metadata validFrom expiresAt }
    pageInfo { hasNextPage endCursor } } }`;
  const nodes: unknown[] = [];
  for (let after: string | null = null; ;) {
    type Page = { nodes: unknown[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    const { memories }: { memories: Page } = await client.ask(query, { after });
    nodes.push(...memories.nodes);
    if (!memories.pageInfo.hasNextPage) return nodes;
    after = memories.pageInfo.endCursor;
  }
}

describe('an export', () => {
  it('loaded into another broker gives the same memories in the same order', async () => {
    const summary = await exportAs(coder, 'whole.jsonl', { pool: ['coder'] });
    expect(summary).toMatchObject({ exported: MANY + 1, withoutContent: 0, incomplete: 0, exitCode: 0 });
    const other = await (to as TestApi).agent('coder');
    const imported = await importFile({
      file: place('whole.jsonl'),
      url: other.url,
      key: other.key,
      print: () => undefined,
      stream: silent(),
    });
    expect(imported).toMatchObject({ read: MANY + 1, created: MANY + 1, failed: 0 });
    const before = await listed(coder);
    expect(before[0]).toEqual({ ...RICH, pool: { key: 'coder' } });
    expect(before).toHaveLength(MANY + 1);
    expect(await listed(other)).toEqual(before);
    await exportAs(other, 'again.jsonl', { pool: ['coder'] });
    expect(fs.readFileSync(place('again.jsonl'))).toEqual(fs.readFileSync(place('whole.jsonl')));
  });

  it('holds every pool in which the key may read, and no other', async () => {
    const planner = await (from as TestApi).agent('planner');
    await memorize(planner, { content: 'A plan that testers do not see' });
    await memorize(planner, { content: 'What all know', pool: 'shared' });
    await exportAs(tester, 'all.jsonl');
    expect([...new Set(lines('all.jsonl').map(({ pool }) => pool))].sort()).toEqual(['coder', 'shared']);
    expect(lines('all.jsonl')).toHaveLength(MANY + 2);
  });

  it("of a pool that is not the key's to use is refused as the API refuses it, and leaves no file", async () => {
    const refusal = exportAs(tester, 'refused.jsonl', { pool: ['shared', 'planner'] });
    await expect(refusal).rejects.toMatchObject({
      told: true,
      code: 'BAD_INPUT',
      message: expect.stringContaining('there is no pool "planner", or it is not yours to use'),
    });
    await expect(exportAs(tester, 'refused.jsonl', { key: 'nobody' })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect(fs.readdirSync(folder).filter((name) => name.startsWith('refused'))).toEqual([]);
  });

  it('of nothing is an empty file', async () => {
    expect(await exportAs(tester, 'empty.jsonl', { pool: ['tester'] })).toMatchObject({ exported: 0, exitCode: 0 });
    expect(fs.readFileSync(place('empty.jsonl'), 'utf8')).toBe('');
  });

  it('has nothing that the policy hides, and counts it', async () => {
    await editPolicy((from as TestApi).admin, (statements) => [
      ...statements,
      deny('tester', ['READ'], ['coder'], { fields: ['speaker', 'metadata'] }),
      deny('tester', ['READ'], ['coder'], { fields: ['content'], where: { sessionId: { eq: 's3' } } }),
    ]);
    const hidden = Array.from({ length: MANY }, (_, n) => n % 7).filter((session) => session === 3).length;
    const summary = await exportAs(tester, 'hidden.jsonl', { pool: ['coder'] });
    const found = lines('hidden.jsonl');
    expect(summary).toMatchObject({
      exported: MANY + 1 - hidden,
      withoutContent: hidden,
      incomplete: MANY + 1 - hidden,
    });
    expect([...summary.hiddenFields].sort()).toEqual(['metadata', 'speaker']);
    expect(found).toHaveLength(MANY + 1 - hidden);
    expect(found.some((line) => 'speaker' in line || 'metadata' in line || line['sessionId'] === 's3')).toBe(false);
    expect(found.at(-1)).toMatchObject({ content: RICH.content, labels: RICH.labels });
  });

  it('of an entity holds everything about it, also what is so no longer, and import reads it back', async () => {
    const agent = await (from as TestApi).agent('coder');
    const about = { entityId: 'ada', type: 'DECLARATIVE' };
    await memorize(agent, { ...about, content: 'Ada lives in Bern', labels: ['home'] });
    const changed = await memorize(agent, { ...about, content: 'Ada eats meat', pool: 'coder' });
    const input = { id: changed, expectedVersion: 1, content: 'Ada eats no meat' };
    await agent.ask('mutation ($input: ReviseInput!) { revise(input: $input) { id } }', { input });
    const old = await memorize(agent, { ...about, content: 'Ada lived in Basel' });
    await memorize(agent, { ...about, content: 'Ada would speak', pool: 'shared' });
    await memorize(agent, { content: 'Of Bob', type: 'DECLARATIVE', entityId: 'bob' });
    const { database } = (from as TestApi).broker;
    await database.maintenance(`update memory set status = 'SUPERSEDED' where memory_id = $1`, [old]);
    expect(await exportAs(agent, 'ada.jsonl', { entity: 'ada' })).toMatchObject({ exported: 4, exitCode: 0 });
    expect(lines('ada.jsonl').map(({ content, labels, pool }) => [content, labels ?? [], pool])).toEqual([
      ['Ada lives in Bern', ['home'], 'coder'],
      ['Ada eats meat', ['exported:version-1'], 'coder'],
      ['Ada eats no meat', [], 'coder'],
      ['Ada lived in Basel', ['exported:SUPERSEDED'], 'coder'],
      ['Ada would speak', ['exported:PROPOSED'], 'shared'],
    ]);
    const other = await (to as TestApi).agent('coder');
    const [url, key] = [other.url, other.key];
    const read = { file: place('ada.jsonl'), url, key, print: () => undefined, stream: silent() };
    expect(await importFile(read)).toMatchObject({ read: 5, created: 4, failed: 0 });
    const query = '{ memories(filter: {entityId: "ada", statuses: [ACTIVE, PROPOSED]}) { totalCount } }';
    expect(await other.ask(query)).toEqual({ memories: { totalCount: 5 } });
  });
});
