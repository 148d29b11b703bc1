import { describe, expect, it } from '@jest/globals';
import type { Passage } from './recipe.js';
import { joined } from './retrieve.js';

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
