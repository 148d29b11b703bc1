import { idOf } from './facts.mjs';
import type { Line } from './history.mjs';

const EPOCH = '6f0e4f3a-1c1d-4a5e-9a61-7c1f0d6d2b10';
const POOL = '0b8f8f7e-5d0b-4a86-8f0a-2f7f6b1f9c11';
const WALL = 1_700_000_000_000;
export const memoryId = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
export const eventId = (n: number) => idOf(EPOCH, `${POOL}:${n}`);

const everything = { effect: 'ALLOW', actions: ['READ'], pools: ['wiki'], fields: null, where: null };
const secrets = {
  effect: 'DENY',
  actions: ['READ'],
  pools: ['wiki'],
  fields: null,
  where: { labels: { contains: 'secret' } },
};
const allRead = [
  { ...everything, roles: ['steady', 'picky', 'roamer'] },
  { ...secrets, roles: ['picky'] },
];
const roamerLost = [
  { ...everything, roles: ['steady', 'picky'] },
  { ...secrets, roles: ['picky'] },
];

/** Five memories in one pool, the second secret; all is told to one that reads all, and the secret not to one that may not see it. */
export function smallHistory(): Line[] {
  const lines: Line[] = [{ t: 0, k: 'wall', wall: WALL }];
  for (const [s, role] of ['steady', 'picky', 'roamer'].entries()) {
    lines.push({ t: 1, k: 'sub', s, role, input: s === 0 ? { types: ['EPISODIC'] } : {} });
    lines.push({ t: 60, k: 'begin', s, from: 55, cursor: 'start' }, { t: 61, k: 'connect', s, c: 1, after: 'start' });
  }
  lines.push({ t: 50, k: 'edited', from: 40, version: 2, what: 'begins' });
  // The roamer has nothing between the second and the fourth event.
  lines.push({ t: 250, k: 'edited', from: 240, version: 3, what: 'takes' });
  lines.push({ t: 450, k: 'edited', from: 440, version: 4, what: 'gives' });
  for (let n = 1; n <= 5; n++) lines.push(...written(n));
  lines.push({ t: 475, k: 'd', s: 2, c: 1, id: 'notice', e: 'SCOPE_CHANGED', h: 'scope', p: null, m: null, v: 4 });
  lines.push(
    { t: 350, k: 'ended', s: 0, c: 1, code: 'close 1006' },
    { t: 360, k: 'connect', s: 0, c: 2, after: 'after 3' },
  );
  lines.push({ t: 320, k: 'undone', ids: [memoryId(99)], kind: 'MEMORIZED', pool: 'wiki' });
  lines.push({ t: 900, k: 'epoch', epoch: EPOCH }, { t: 900, k: 'head', id: POOL, p: 'wiki', n: 5 });
  for (const [v, statements] of [
    [1, allRead],
    [2, allRead],
    [3, roamerLost],
    [4, allRead],
  ] as const)
    lines.push({ t: 901, k: 'policy', v, statements });
  for (let n = 1; n <= 5; n++) lines.push(...stored(n));
  lines.push({ t: 999, k: 'wall', wall: WALL + 999 });
  return lines.sort((a, b) => a.t - b.t);
}

function written(n: number): Line[] {
  const told = (s: number, v: number, c = 1): Line => ({
    t: n * 100 + 10 + s,
    k: 'd',
    s,
    c,
    id: eventId(n),
    e: 'MEMORIZED',
    h: `after ${n}`,
    p: 'wiki',
    m: memoryId(n),
    v,
    o: { status: 'ACTIVE', type: 'EPISODIC', entityId: null, labels: labelsOf(n), content: `finding ${n}` },
  });
  const version = n < 3 ? 2 : n < 5 ? 3 : 4;
  return [
    { t: n * 100 + 5, k: 'wrote', from: n * 100 - 5, kind: 'MEMORIZED', pool: 'wiki', ids: [memoryId(n)] },
    told(0, version, n > 3 ? 2 : 1),
    ...(n === 2 ? [] : [told(1, version)]),
    ...(version === 3 ? [] : [told(2, version)]),
  ];
}

function stored(n: number): Line[] {
  const memory = { m: memoryId(n), p: 'wiki', type: 'EPISODIC', entityId: null, labels: labelsOf(n), status: 'ACTIVE' };
  return [
    { t: 902, k: 'memory', ...memory, held: false, o: `finding ${n}`, earlier: [] },
    { t: 903, k: 'log', p: 'wiki', n, m: memoryId(n), e: 'MEMORIZED', at: WALL + n * 100 },
  ];
}

const labelsOf = (n: number) => (n === 2 ? ['secret'] : []);
