import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestApi, type TestApi, type TestClient } from '../support/api.js';
import { memorize } from '../support/memories.js';
import { editPolicy } from '../support/policy.js';
import { FORGET, REVISE } from '../support/world.js';

let api: TestApi;
let coder: TestClient & { id: string };
beforeAll(async () => {
  api = await startTestApi();
  coder = await api.agent('coder');
});
afterAll(() => api.close());

interface Hit {
  memory: { id: string; content: string; version: number };
}
const RECALL = `query ($input: RecallInput!) { recall(input: $input) { context
  hits { memory { id content version } } } }`;
const recall = async (who: TestClient, query: string, input: Record<string, unknown> = {}) =>
  (await who.ask<{ recall: { context: string; hits: Hit[] } }>(RECALL, { input: { query, ...input } })).recall;
const found = async (query: string, input: Record<string, unknown> = {}, who: TestClient = coder) =>
  (await recall(who, query, input)).hits.map(({ memory }) => memory.id);
const store = (content: string, rest: Record<string, unknown> = {}) =>
  memorize(coder, { type: 'DECLARATIVE', content, ...rest });
const sql = (text: string, ...values: unknown[]) =>
  api.broker.database.maintenance<Record<string, unknown>>(text, values);

describe('what is not true now', () => {
  it('is left out: what is not valid yet, no longer valid, superseded or archived', async () => {
    const now = await store('The ferry leaves from pier one');
    await store('The ferry leaves from pier two', { validFrom: '2100-01-01T00:00:00Z' });
    const ended = await store('The ferry leaves from pier three');
    await sql(`update memory set valid_to = now() - interval '1 hour' where memory_id = $1`, ended);
    for (const status of ['SUPERSEDED', 'ARCHIVED']) {
      const id = await store(`The ferry leaves from pier ${status}`);
      await sql('update memory set status = $2 where memory_id = $1', id, status);
    }
    expect(await found('ferry pier')).toEqual([now]);
  });

  it('is found for the time at which it will be', async () => {
    const later = await store('The tram will run on rails of glass', { validFrom: '2100-01-01T00:00:00Z' });
    expect(await found('tram glass')).toEqual([]);
    expect(await found('tram glass', { asOf: '2100-01-02T00:00:00Z' })).toEqual([later]);
  });

  it('comes back with includeSuperseded: what was replaced, though it is valid no more', async () => {
    const old = await store('The bakery oven is lit at five');
    await sql(
      `update memory set status = 'SUPERSEDED', valid_to = now() - interval '1 hour' where memory_id = $1`,
      old,
    );
    const archived = await store('The bakery oven is lit at half past');
    await sql(`update memory set status = 'ARCHIVED' where memory_id = $1`, archived);
    expect(await found('bakery oven')).toEqual([]);
    expect(await found('bakery oven', { includeSuperseded: true })).toEqual([old]);
  });
});

describe('asOf', () => {
  const tick = async () => {
    await pause(20);
    const now = new Date().toISOString();
    await pause(20);
    return now;
  };

  it('is what was known then: written by then, and not yet superseded', async () => {
    const before = await tick();
    const old = await store('The chapel bell rings at six');
    const between = await tick();
    await sql(`update memory set status = 'SUPERSEDED' where memory_id = $1`, old);
    const newer = await store('The chapel bell rings at seven');
    const after = await tick();
    expect(await found('chapel bell', { asOf: before })).toEqual([]);
    expect(await found('chapel bell', { asOf: between })).toEqual([old]);
    expect(await found('chapel bell', { asOf: after })).toEqual([newer]);
    expect((await found('chapel bell', { asOf: after, includeSuperseded: true })).sort()).toEqual([old, newer].sort());
    expect(await found('chapel bell')).toEqual([newer]);
  });

  it('forgets that something was superseded when it is active again', async () => {
    const id = await store('The quarry horn sounds twice');
    await sql(`update memory set status = 'ARCHIVED' where memory_id = $1`, id);
    const archived = await tick();
    expect(await found('quarry horn', { asOf: archived })).toEqual([]);
    await sql(`update memory set status = 'ACTIVE' where memory_id = $1`, id);
    expect(await found('quarry horn', { asOf: archived })).toEqual([id]);
  });

  it('answers what was revised since with the words of then, and finds it by them', async () => {
    const id = await store('The kiln burns oak');
    const oak = await tick();
    await coder.ask(REVISE, { input: { id, expectedVersion: 1, content: 'The kiln burns birch' } });
    const birch = await tick();
    await coder.ask(REVISE, { input: { id, expectedVersion: 2, importance: 'HIGH' } });
    await coder.ask(REVISE, { input: { id, expectedVersion: 3, content: 'The furnace burns peat' } });
    const then = async (query: string, asOf?: string) =>
      (await recall(coder, query, { asOf })).hits.map(({ memory: { content, version } }) => `${version} ${content}`);
    expect(await then('kiln oak', oak)).toEqual(['1 The kiln burns oak']);
    expect(await then('kiln', birch)).toEqual(['2 The kiln burns birch']);
    expect(await then('peat', oak)).toEqual([]);
    expect(await then('oak')).toEqual([]);
    expect(await then('peat')).toEqual(['4 The furnace burns peat']);
    const { context } = await recall(coder, 'kiln', { asOf: oak });
    expect(context).toContain('The kiln burns oak');
    expect(context).not.toContain('peat');
  });

  it('does not tell who may not see the history what a memory said before', async () => {
    const tester = await api.agent('tester');
    const id = await store('The cellar key is brass');
    const brass = await tick();
    await coder.ask(REVISE, { input: { id, expectedVersion: 1, content: 'The cellar key is steel' } });
    await editPolicy(api.admin, (statements) => [
      ...statements,
      { id: 'hides', effect: 'DENY', roles: ['tester'], actions: ['READ'], pools: ['coder'], fields: ['author'] },
    ]);
    expect(await found('cellar key brass', { asOf: brass }, tester)).toEqual([]);
    expect(await found('cellar key', {}, tester)).toEqual([id]);
    expect(await found('cellar key brass', { asOf: brass })).toEqual([id]);
    await editPolicy(api.admin, (statements) => statements.filter(({ id }) => id !== 'hides'));
    expect(await found('cellar key brass', { asOf: brass }, tester)).toEqual([id]);
  });

  it('never shows what is forgotten or has expired since', async () => {
    const forgotten = await store('The orchard gate is green');
    const expired = await store('The orchard gate is locked', { expiresAt: new Date(Date.now() + 300).toISOString() });
    const then = await tick();
    expect((await found('orchard gate', { asOf: then })).sort()).toEqual([forgotten, expired].sort());
    await coder.ask(FORGET, { id: forgotten });
    await pause(400);
    expect(await found('orchard gate', { asOf: then })).toEqual([]);
  });
});
