import { describe, expect, it } from '@jest/globals';
import { compileCondition } from './condition.js';
import { includes, mergeConditions } from './families.js';

type Where = Record<string, Record<string, unknown>>;

const merged = (...wheres: Where[]) =>
  mergeConditions(wheres.map((where) => compileCondition(where)))
    .map(({ key }) => key)
    .sort();
const keys = (...wheres: Where[]) => wheres.map((where) => compileCondition(where).key).sort();

describe('conditions of a family', () => {
  it('become one list of values', () => {
    const wheres = [{ entityId: { eq: 'b' } }, { entityId: { in: ['a', 'c'] } }, { entityId: { eq: 'a' } }];
    expect(merged(...wheres)).toEqual(keys({ entityId: { in: ['a', 'b', 'c'] } }));
    expect(merged({ labels: { contains: 'b' } }, { labels: { containsAny: ['a'] } })).toEqual(
      keys({ labels: { containsAny: ['a', 'b'] } }),
    );
  });

  it('become the widest of their bounds', () => {
    expect(merged({ importance: { gte: 'HIGH' } }, { importance: { gte: 'MEDIUM' } })).toEqual(
      keys({ importance: { gte: 'MEDIUM' } }),
    );
    expect(
      merged({ createdAt: { lt: '2026-01-01T00:00:00Z' } }, { createdAt: { lt: '2026-01-02T00:00:00Z' } }),
    ).toEqual(keys({ createdAt: { lt: '2026-01-02T00:00:00Z' } }));
  });

  it('share all their other tests', () => {
    const type = { type: { eq: 'EPISODIC' } };
    expect(
      merged({ ...type, speaker: { eq: 'a' } }, { ...type, speaker: { eq: 'b' } }, { speaker: { eq: 'c' } }),
    ).toEqual(keys({ ...type, speaker: { in: ['a', 'b'] } }, { speaker: { eq: 'c' } }));
  });

  it('may be a family of families', () => {
    const grid = ['a', 'b', 'c'].flatMap((entity) =>
      ['x', 'y'].map((speaker) => ({ entityId: { eq: entity }, speaker: { eq: speaker } })),
    );
    expect(merged(...grid)).toEqual(keys({ entityId: { in: ['a', 'b', 'c'] }, speaker: { in: ['x', 'y'] } }));
  });

  it('are not those that differ in what has no common test', () => {
    const apart: Where[] = [
      { speaker: { ne: 'a' } },
      { speaker: { ne: 'b' } },
      { entityId: { eq: 'a' } },
      { speaker: { eq: 'a' } },
    ];
    expect(merged(...apart)).toEqual(keys(...apart));
  });

  it('come out the same in any order', () => {
    const wheres: Where[] = [
      { entityId: { eq: 'a' }, speaker: { eq: 'x' } },
      { entityId: { eq: 'a' }, speaker: { eq: 'y' } },
      { entityId: { eq: 'b' }, speaker: { eq: 'y' } },
      { entityId: { eq: 'b' } },
    ];
    expect(merged(...wheres.toReversed())).toEqual(merged(...wheres));
  });
});

it('a condition includes another where each of its tests lists all that one of the other lists', () => {
  const holds = (b: Where, a: Where) => includes(compileCondition(b), compileCondition(a));
  const list = { entityId: { in: ['a', 'b'] } };
  expect(holds(list, { entityId: { eq: 'a' }, speaker: { eq: 'x' } })).toBe(true);
  expect(holds(list, { entityId: { in: ['b', 'c'] } })).toBe(false);
  expect(holds({ ...list, type: { eq: 'EPISODIC' } }, { entityId: { eq: 'a' } })).toBe(false);
  expect(holds({ entityId: { nin: ['a', 'b'] } }, { entityId: { nin: ['a'] } })).toBe(false);
});
