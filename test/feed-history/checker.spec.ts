import { describe, expect, it } from '@jest/globals';
import { check } from './check-file.mjs';
import type { Line } from './history.mjs';
import { eventId, memoryId, smallHistory } from './small-history.js';

type Corruption = (lines: Line[]) => Line[];

const told = (line: Line, s: number, n: number) => line.k === 'd' && line.s === s && line.id === eventId(n);
const without = (isMeant: (line: Line) => boolean) => (lines: Line[]) => lines.filter((line) => !isMeant(line));
const changed = (isMeant: (line: Line) => boolean, change: Partial<Line>) => (lines: Line[]) =>
  lines.map((line) => (isMeant(line) ? { ...line, ...change } : line));
const added = (make: (lines: Line[]) => Line) => (lines: Line[]) => [...lines, make(lines)].sort((a, b) => a.t - b.t);
const find = (lines: Line[], isMeant: (line: Line) => boolean) => lines.find(isMeant) as Line;
const isLogged = (n: number) => (line: Line) => line.k === 'log' && line.n === n;

/** The two deliveries change places; each keeps what it says. */
const swapped =
  (s: number, a: number, b: number): Corruption =>
  (lines) => {
    const [first, second] = [find(lines, (line) => told(line, s, a)), find(lines, (line) => told(line, s, b))];
    return lines.map((line) => {
      if (line === first) return { ...second, t: first.t, h: first['h'] };
      return line === second ? { ...first, t: second.t, h: second['h'] } : line;
    });
  };

const corruptions: [string, Corruption, Record<string, number>][] = [
  ['a delivery that is missing', without((line) => told(line, 0, 2)), { lost: 1 }],
  ['the last delivery that is missing', without((line) => told(line, 0, 5)), { lost: 1 }],
  ['the first delivery after a new connection that is missing', without((line) => told(line, 0, 4)), { lost: 1 }],
  ['a delivery under the scope that was regained that is missing', without((line) => told(line, 2, 5)), { lost: 1 }],
  ['two deliveries the other way round', swapped(0, 1, 2), { order: 1 }],
  [
    'a repeat on the same connection',
    added((lines) => ({ ...find(lines, (line) => told(line, 1, 1)), t: 112.5 })),
    { order: 1 },
  ],
  ['another id for the same event', changed((line) => told(line, 0, 3), { id: eventId(77) }), { lost: 1, alien: 1 }],
  ['the id of another event', changed((line) => told(line, 0, 3), { id: eventId(4) }), { lost: 1, altered: 1 }],
  ['another kind', changed((line) => told(line, 0, 3), { e: 'REVISED' }), { lost: 1, altered: 1 }],
  [
    'content that the memory never had',
    changed((line) => told(line, 0, 3), { o: { status: 'ACTIVE', content: 'finding 4' } }),
    { altered: 1 },
  ],
  [
    'a memory that is not shown, and was not forgotten',
    changed((line) => told(line, 0, 3), { o: null }),
    { hollow: 1 },
  ],
  [
    'a secret told to who may not see it',
    added((lines) => ({ ...find(lines, (line) => told(line, 0, 2)), s: 1, t: 212 })),
    { forbidden: 1 },
  ],
  [
    'an event told to who had lost its pool',
    added((lines) => ({ ...find(lines, (line) => told(line, 0, 3)), s: 2, t: 313, v: 3 })),
    { forbidden: 1 },
  ],
  [
    'an event under a policy that was superseded before it was written',
    added((lines) => ({ ...find(lines, (line) => told(line, 0, 3)), s: 2, t: 313, v: 2 })),
    { stale: 1 },
  ],
  [
    'an event under a version that did not show it yet',
    added((lines) => ({ ...find(lines, (line) => told(line, 0, 4)), s: 2, c: 1, t: 470, v: 3 })),
    { 'older version': 1 },
  ],
  [
    'an event that passes no filter of the subscription',
    changed((line) => line.k === 'memory' && line['m'] === memoryId(2), { type: 'PROCEDURAL' }),
    { unasked: 1, altered: 2 },
  ],
  [
    'a cursor that is not the last',
    changed((line) => line['c'] === 2 && line.k === 'connect', { after: 'after 2' }),
    { harness: 1 },
  ],
  ['an expired cursor', changed((line) => line.k === 'ended', { code: 'CURSOR_EXPIRED' }), { ended: 1 }],
  ['a log without its last row', without(isLogged(5)), { hole: 1, unlogged: 1, silent: 1, alien: 3 }],
  ['numbers with a hole', changed((line) => isLogged(5)(line), { n: 6 }), { hole: 1, alien: 3, lost: 3 }],
  [
    'an acknowledged write that is there twice',
    (lines) =>
      lines.flatMap((line) => {
        if (line.k === 'head') return [{ ...line, n: 6 }];
        return isLogged(5)(line) ? [line, { ...line, n: 6 }] : [line];
      }),
    { 'logged twice': 2, lost: 3 },
  ],
  ['what was rolled back', changed((line) => line.k === 'undone', { ids: [memoryId(3)] }), { undone: 2 }],
  [
    'a write that nobody asked for',
    without((line) => line.k === 'wrote' && line['ids'][0] === memoryId(3)),
    { unexplained: 1 },
  ],
  [
    'half of a transaction',
    changed((line) => line.k === 'wrote' && line['ids'][0] === memoryId(3), {
      k: 'unknown',
      ids: [memoryId(3), memoryId(98)],
    }),
    { torn: 1 },
  ],
];

describe('the checker of a history', () => {
  it('finds nothing in a good one', async () => {
    const verdict = await check(smallHistory);
    expect(verdict.violations).toEqual([]);
    // Five to the first, four to the second; to the third what was written before its pool was taken, and behind the notice.
    expect(verdict.figure('owed')).toBe(12);
    expect(verdict.figure('deliveries')).toBe(12);
  });

  it.each(corruptions)('finds %s', async (_, corrupt, kinds) => {
    const verdict = await check(() => corrupt(smallHistory()));
    expect(verdict.kinds).toEqual(kinds);
  });
});
