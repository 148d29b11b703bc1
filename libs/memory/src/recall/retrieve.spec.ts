import { describe, expect, it } from '@jest/globals';
import type { Passage } from './recipe.js';
import { joined, retrieve, type Searched } from './retrieve.js';
import { parseQuery } from './query.js';
import type { Anchor } from './recall.repository.js';
import type { Texts } from './texts.js';
import type { Unit } from '#platform';

const passage = (id: string, sessionId = 's'): Passage => ({
  id,
  poolId: 'p',
  sessionId,
  speaker: null,
  day: 0,
  length: 1,
  traits: 0,
  wanted: true,
});
const window = (ids: string, sessionId?: string) => [...ids].map((id) => passage(id, sessionId));
const told = (runs: Passage[][]) => runs.map((run) => run.map(({ id }) => id).join(''));

describe('windows of one session', () => {
  it('become one run where they overlap, in the order of writing', () => {
    expect(told(joined([window('gfe'), window('cba'), window('edc')]))).toEqual(['abcdefg']);
  });

  it('stay apart where they do not, and where they are of other sessions', () => {
    expect(told(joined([window('xyz'), window('abc'), window('bcd', 't')]))).toEqual(['abc', 'xyz', 'bcd']);
  });

  it('do not repeat what one holds wholly within another', () => {
    expect(told(joined([window('abcdef'), window('cd')]))).toEqual(['abcdef']);
  });
});

describe('two sessions that are too long to be read whole', () => {
  const memories = (sessionId: string, count: number) =>
    Array.from({ length: count }, (_, nth) => passage(`${sessionId}${String(nth).padStart(3, '0')}`, sessionId));
  const [near, far] = [memories('near', 120), memories('tall', 120)];
  const asked: string[] = [];
  /** The best fifty are all in one of them. */
  const found = [...near.slice(0, 50), far[60] as Passage];
  const texts: Texts = {
    holding: (terms) => ({
      passages: found,
      terms,
      lengths: found.map(() => 1),
      counts: found.map((_, row) => (row < 50 ? 2 : 1)),
      documents: 1_000,
      documentFrequencies: null,
      cut: false,
    }),
    ofSessions: (sessions) => sessions.map(({ sessionId }) => (sessionId === 'near' ? near : far)),
    around: (anchors: readonly Anchor[]) => {
      asked.push(...new Set(anchors.map(({ sessionId }) => sessionId)));
      return anchors.map((anchor) =>
        near.filter(
          ({ id }) =>
            Math.abs(near.findIndex((one) => one.id === anchor.id) - near.findIndex((one) => one.id === id)) <= 8,
        ),
      );
    },
    nearest: () => [],
  };

  it('are looked at around the best; of the one that has none of these the beginning is', async () => {
    const scope = { orgId: 'o', filter: { poolIds: ['p'] }, now: new Date(0), space: null };
    const searched = {
      scope,
      filter: { moment: null },
      languageOf: () => 'ENGLISH',
      kept: texts,
    } as unknown as Searched;
    const { scores } = await retrieve({} as Unit, searched, parseQuery({ query: 'anvil' }), null);
    expect(asked).toEqual(['near']);
    const place = (id: string) => scores.passages.findIndex((one) => one.id === id);
    const beside = scores.partsOf(place((far[61] as Passage).id));
    expect(beside.neighbours).toBeGreaterThan(0);
    // As of a text of 120 terms that has one of them, and not of one without any length.
    const [ofFar, ofNear] = [far[60], near[0]].map((one) => scores.partsOf(place((one as Passage).id)).session);
    expect(ofFar).toBeLessThan(ofNear as number);
  });
});
