import type { ConditionField, ToldApart } from '#access';
import { describe, expect, it } from '@jest/globals';
import type { Held } from './consolidation.js';
import { analyseMemory } from '../recall/analysis.js';
import { contradictionsByRules } from './contradictions.js';
import type { Read } from './duplicates.js';
import { factsByEntity, planChanges } from './plan.js';
import { held } from './testing.js';

const NOW = new Date('2026-03-01T00:00:00Z');
const LONG_AGO = new Date('2025-03-01');
const NOTHING: ToldApart = { fields: new Set(), moments: [] };
const names = (...fields: ConditionField[]): ToldApart => ({ fields: new Set(fields), moments: [] });

async function plan(memories: readonly Held[], told = NOTHING, olderThanDays = 30) {
  const found = factsByEntity(memories).flatMap(contradictionsByRules);
  const contents = new Map(memories.map(({ id, content }) => [id, content]));
  const planning = { now: NOW, olderThanDays, told, pause: () => Promise.resolve() };
  const changes = await planChanges(memories.map(read), found, planning);
  return changes.map((change) => ({
    kind: change.kind,
    of: change.memories.map(({ id }) => contents.get(id)),
    after: contents.get(change.after?.id ?? ''),
    weights: change.weights,
  }));
}
const read = (memory: Held): Read => ({ memory, terms: analyseMemory(memory) });
const kinds = async (memories: readonly Held[], told?: ToldApart) =>
  (await plan(memories, told)).map(({ kind }) => kind);
const turn = (content: string, rest: Partial<Held> = {}) => held({ content, sessionId: 's', ...rest });
const turns = (many: number, rest: Partial<Held> = {}) =>
  Array.from({ length: many }, (_, place) => turn(`turn ${place} of ${rest.speaker ?? 'nobody'}`, rest));

describe('summaries', () => {
  const sizes = async (memories: readonly Held[]) => (await plan(memories)).map(({ of }) => of.length);
  const long = (many: number, length: number) =>
    Array.from({ length: many }, (_, place) => turn(`${place} `.padEnd(length, 'word ')));

  it('are of episodes of one session that follow one another, some at a time', async () => {
    const found = await plan(turns(10));
    expect(found.map(({ kind, of }) => [kind, of.length])).toEqual([
      ['SUMMARIZED', 6],
      ['SUMMARIZED', 4],
    ]);
    expect(found.flatMap(({ of }) => of)).toEqual(turns(10).map(({ content }) => content));
  });

  it('are of fewer where these say more, and of none that is long by itself', async () => {
    expect(await sizes(long(9, 150))).toEqual([3, 3, 3]);
    expect(await sizes(long(8, 2_500))).toEqual([2, 2, 2, 2]);
    expect(await sizes(long(4, 3_001))).toEqual([]);
  });

  it('take in what is left at the end, and never one alone', async () => {
    expect(await sizes(long(4, 150))).toEqual([4]);
    expect(await sizes(long(8, 150))).toEqual([3, 5]);
    expect(await sizes(turns(7))).toEqual([6]);
    expect(await sizes(turns(8))).toEqual([6, 2]);
    expect(await sizes(turns(2))).toEqual([2]);
    expect(await sizes(turns(1))).toEqual([]);
  });

  it.each<[string, Partial<Held>]>([
    ['session', { sessionId: 'another' }],
    ['entity', { entityId: 'another' }],
    ['speaker', { speaker: 'another' }],
    ['author', { authorId: '01890000-0000-7000-8000-000000000000' }],
    ['importance', { importance: 'LOW' }],
    ['label', { labels: ['another'] }],
    ['end', { expiresAt: new Date('2027-01-01') }],
    ['day of writing', { createdAt: new Date('2026-01-11T12:00:00Z') }],
    ['day of happening', { validFrom: new Date('2026-01-10T12:00:00Z') }],
  ])('hold nothing of another %s: a policy might tell them apart', async (_, other) => {
    expect(await plan([...turns(1), turn('another', other)])).toEqual([]);
  });

  it('hold nothing from the other side of a moment that the policy names', async () => {
    const [before, after] = [new Date('2026-01-10T12:00:00Z'), new Date('2026-01-10T13:00:00Z')];
    const both = [turn('before', { createdAt: before }), turn('after', { createdAt: after })];
    const at = (time: string): ToldApart => ({ fields: new Set(['createdAt']), moments: [Date.parse(time)] });
    expect(await kinds(both, at('2026-01-10T12:30:00Z'))).toEqual([]);
    expect(await kinds(both, at('2026-01-10T13:00:00Z'))).toEqual([]);
    expect(await kinds(both, at('2026-01-10T13:30:00Z'))).toEqual(['SUMMARIZED']);
  });

  it.each<[string, Partial<Held>]>([
    ['is no episode', { type: 'PROCEDURAL' }],
    ['is young', { createdAt: new Date('2026-02-20') }],
    ['happened lately', { validFrom: new Date('2026-02-20') }],
    ['is HIGH', { importance: 'HIGH' }],
    ['is a summary', { consolidatedAt: new Date('2026-02-20') }],
    ['is a promoted copy', { promotedFrom: '01890000-0000-7000-8000-000000000000' }],
    ['is of no session and no entity', { sessionId: null }],
  ])('leave what %s', async (_, rest) => {
    expect((await kinds(turns(4, rest))).filter((kind) => kind === 'SUMMARIZED')).toEqual([]);
  });
});

describe('near-duplicates', () => {
  const facts = (...contents: string[]) => contents.map((content) => held({ content, type: 'PROCEDURAL' }));
  const twice = () => facts('Retry the upload twice', 'retry the uploads twice!') as [Held, Held];
  const said =
    'always run the database migrations and the slow integration suite before starting the new message broker on the production server';

  it('give way to what says more, or else to the older', async () => {
    expect(await plan(facts('Retry the upload twice', 'retry the uploads twice!', said, `${said} tonight`))).toEqual([
      expect.objectContaining({ kind: 'MERGED', of: [said], after: `${said} tonight` }),
      expect.objectContaining({ kind: 'MERGED', of: ['retry the uploads twice!'], after: 'Retry the upload twice' }),
    ]);
  });

  it('are none where a word turns the sentence round, or another number stands', async () => {
    expect(await kinds(facts('Retry the upload', 'Never retry the upload', 'use port 80', 'use port 81'))).toEqual([]);
  });

  it('happened twice in two sessions', async () => {
    const twice = ['one', 'two'].map((sessionId) => turn('the tests passed', { sessionId }));
    expect(await kinds(twice)).toEqual([]);
  });

  it('stay where the policy tells them apart: somebody might be left without', async () => {
    const [first, second] = twice();
    const byAnother = [first, { ...second, authorId: '01890000-0000-7000-8000-000000000000' }];
    expect(await kinds(byAnother)).toEqual(['MERGED']);
    expect(await kinds(byAnother, names('authorId'))).toEqual([]);
    expect(await kinds([first, second], names('authorId'))).toEqual(['MERGED']);
  });

  it('stay where their importance or their labels differ', async () => {
    const [first, second] = twice();
    expect(await kinds([first, { ...second, labels: ['release'] }])).toEqual([]);
    expect(
      await kinds([
        { ...first, labels: ['a', 'b'] },
        { ...second, labels: ['b', 'a'] },
      ]),
    ).toEqual(['MERGED']);
    expect(await kinds([first, { ...second, importance: 'LOW' }])).toEqual([]);
  });

  it.each<[string, Partial<Held>]>([
    ['is HIGH', { importance: 'HIGH' }],
    ['is a summary', { consolidatedAt: new Date('2026-02-20') }],
    ['is a promoted copy', { promotedFrom: '01890000-0000-7000-8000-000000000000' }],
  ])('never give way where one %s', async (_, rest) => {
    const kept = twice().map((memory) => ({ ...memory, ...rest }));
    expect(await kinds(kept)).toEqual([]);
  });
});

describe('contradicted facts', () => {
  const older = held({ type: 'DECLARATIVE', entityId: 'ada', content: 'Ada lives in Berlin' });
  const newer = held({
    type: 'DECLARATIVE',
    entityId: 'ada',
    content: 'Ada moved to Munich',
    createdAt: new Date('2026-02-01'),
  });

  it('give way to the newer one', async () => {
    expect(await plan([older, newer])).toEqual([
      expect.objectContaining({ kind: 'SUPERSEDED', of: [older.content], after: newer.content }),
    ]);
  });

  it('stay where the policy tells them apart', async () => {
    const other = { ...newer, authorId: '01890000-0000-7000-8000-000000000000' };
    expect(await kinds([older, other])).toEqual(['SUPERSEDED']);
    expect(await kinds([older, other], names('authorId'))).toEqual([]);
  });

  it('are taken from a model only where they are facts about one entity, and once each', async () => {
    const [note, far] = [
      { ...older, id: 'note', type: 'EPISODIC' as const },
      { ...newer, id: 'far', entityId: 'grace' },
    ];
    const pairs = [
      [older.id, 'note'],
      [older.id, 'far'],
      [older.id, 'nobody'],
      [older.id, older.id],
      [older.id, newer.id],
      [older.id, newer.id],
    ].map(([from, to]) => ({ older: from as string, newer: to as string }));
    const planning = { now: NOW, olderThanDays: 30, told: NOTHING, pause: () => Promise.resolve() };
    const found = await planChanges([older, newer, note, far].map(read), pairs, planning);
    expect(found.map(({ kind, memories, after }) => [kind, memories.map(({ id }) => id), after?.id])).toEqual([
      ['SUPERSEDED', [older.id], newer.id],
    ]);
  });
});

describe('importance', () => {
  const recalled = (recallCount: number, daysAgo: number, rest: Partial<Held> = {}) =>
    held({
      content: `recalled ${recallCount} times`,
      createdAt: new Date('2026-02-20'),
      recallCount,
      lastRecalledAt: new Date(NOW.getTime() - daysAgo * 86_400_000),
      ...rest,
    });
  const moves = async (memory: Held, told = NOTHING) =>
    (await plan([memory], told)).map(({ kind, weights }) => [kind, weights]);

  it('rises by a step where something is recalled often', async () => {
    expect(await moves(recalled(8, 1, { importance: 'LOW' }))).toEqual([['BOOSTED', { from: 1, to: 2 }]]);
    expect(await moves(recalled(24, 1))).toEqual([['BOOSTED', { from: 2, to: 3 }]]);
    for (const one of [recalled(23, 1), recalled(99, 31), recalled(99, 1, { importance: 'HIGH' })])
      expect(await moves(one)).toEqual([]);
  });

  it('falls by a step where nobody recalls it', async () => {
    const old = held({ content: 'old', type: 'PROCEDURAL', createdAt: LONG_AGO });
    expect(await moves(old)).toEqual([['FADED', { from: 2, to: 1 }]]);
    expect(await moves({ ...old, importance: 'LOW' })).toEqual([]);
    expect(await moves({ ...old, createdAt: new Date('2026-01-01') })).toEqual([]);
    expect(await moves({ ...old, consolidatedAt: new Date('2026-01-01') })).toEqual([]);
    expect(await moves({ ...old, createdAt: new Date('2026-01-01'), validFrom: LONG_AGO })).toEqual([]);
    expect(await moves(recalled(3, 200, { importance: 'HIGH' }))).toEqual([['FADED', { from: 3, to: 2 }]]);
  });

  it('stays where somebody said HIGH and nobody recalls it', async () => {
    expect(await moves(held({ content: 'old', type: 'PROCEDURAL', importance: 'HIGH', createdAt: LONG_AGO }))).toEqual(
      [],
    );
  });

  it('stays where the policy looks at it: it would move who may read', async () => {
    expect(await moves(recalled(24, 1), names('importance'))).toEqual([]);
  });
});

it('no reason tells a number or a time of what somebody may not read', async () => {
  const memories = [
    held({ content: 'over', expiresAt: new Date('2026-02-01') }),
    held({ content: 'Ada lives in Berlin', type: 'DECLARATIVE', entityId: 'ada' }),
    held({
      content: 'Ada moved to Munich',
      type: 'DECLARATIVE',
      entityId: 'ada',
      createdAt: new Date('2026-02-01'),
    }),
    ...['Retry the upload', 'retry the uploads!'].map((content) => held({ content, type: 'PROCEDURAL' })),
    ...turns(3),
    held({ content: 'the build server', type: 'PROCEDURAL', recallCount: 24, lastRecalledAt: new Date('2026-02-20') }),
    held({ content: 'an old printer', type: 'PROCEDURAL', createdAt: LONG_AGO }),
    held({ content: 'a broken fan', type: 'PROCEDURAL', recallCount: 1, lastRecalledAt: LONG_AGO }),
  ];
  const found = factsByEntity(memories).flatMap(contradictionsByRules);
  const planning = { now: NOW, olderThanDays: 30, told: NOTHING, pause: () => Promise.resolve() };
  const changes = await planChanges(memories.map(read), found, planning);
  expect(changes.map(({ kind }) => kind).sort()).toEqual([
    'BOOSTED',
    'EXPIRED',
    'FADED',
    'FADED',
    'MERGED',
    'SUMMARIZED',
    'SUPERSEDED',
  ]);
  expect(changes.map(({ reason }) => reason).filter((reason) => /\d/.test(reason))).toEqual([]);
});

it('what is over is archived, and touched by nothing else', async () => {
  const over = turns(4, { expiresAt: new Date('2026-02-01') });
  const ended = held({ content: 'no longer true', validTo: NOW });
  expect(await kinds([...over, ended])).toEqual(Array.from({ length: 5 }, () => 'EXPIRED'));
  expect(await kinds([held({ content: 'for long', expiresAt: new Date('2026-03-02') })])).toEqual([]);
});
