import { describe, expect, it } from '@jest/globals';
import { isoInstant } from './iso-time.js';
import { mapLine, parseMapping, valueAt } from './mapping.js';

const turn = {
  id: 'c1/7',
  conversation: 'c1',
  session: 3,
  text: 'We meet on Friday.',
  speaker: 'Ada',
  date: '2023-05-08T13:56:00',
};

describe('mapping by field names', () => {
  it('makes a memory of the named fields', () => {
    const mapping = parseMapping({
      content: 'text',
      session: 'conversation,session',
      speaker: 'speaker',
      validFrom: 'date',
      metadata: 'evalId=id',
      assumeUtc: true,
    });
    expect(mapLine(turn, mapping, 'team')).toEqual({
      content: 'We meet on Friday.',
      type: 'EPISODIC',
      pool: 'team',
      sessionId: 'c1#3',
      speaker: 'Ada',
      validFrom: '2023-05-08T13:56:00.000Z',
      metadata: { evalId: 'c1/7' },
    });
  });

  it('follows dotted paths, into lists too, and prefers a field whose own name has the dots', () => {
    const line = { 'a.b': 'flat', a: { b: 'deep', c: [{ d: 'listed' }] } };
    expect([valueAt(line, 'a.b'), valueAt(line, 'a.c.0.d'), valueAt(line, 'a.x.y')]).toEqual([
      'flat',
      'listed',
      undefined,
    ]);
    expect(valueAt(line, 'constructor.name')).toBeUndefined();
  });

  it('names metadata by the last part of a path unless renamed', () => {
    const mapping = parseMapping({ content: 'text', metadata: 'meta.user, who=meta.user' });
    expect(mapLine({ text: 'x', meta: { user: 9 } }, mapping, undefined).metadata).toEqual({ user: 9, who: 9 });
  });

  it('gathers labels from texts and lists, once each', () => {
    const mapping = parseMapping({ content: 'text', labels: 'topic,tags' });
    expect(mapLine({ text: 'x', topic: 'a', tags: ['b', 'a'] }, mapping, undefined).labels).toEqual(['a', 'b']);
  });

  it('leaves out what a line does not have, but not half a session', () => {
    const mapping = parseMapping({
      content: 'text',
      session: 'conversation,session',
      speaker: 'who',
      validFrom: 'when',
    });
    expect(mapLine({ text: 'x' }, mapping, undefined)).toEqual({ content: 'x', type: 'EPISODIC' });
    expect(() => mapLine({ text: 'x', conversation: 'c' }, mapping, undefined)).toThrow(/session is missing/);
  });

  it.each([
    [{}, /text \(content\) is missing/],
    [{ text: 5 }, /is not a text/],
    [{ text: '' }, /content is empty/],
    [{ text: 'x'.repeat(32_769) }, /32769 characters/],
    [['text'], /not an object/],
  ])('refuses the line %#', (line, why) => {
    expect(() => mapLine(line, parseMapping({ content: 'text' }), undefined)).toThrow(why);
  });

  it('takes a content of exactly 32,768 characters', () => {
    for (const content of ['x'.repeat(32_768), '😀'.repeat(32_768)]) {
      expect(mapLine({ content }, parseMapping({ content: 'content' }), undefined).content).toBe(content);
    }
  });

  it('refuses options that cannot be meant', () => {
    expect(() => parseMapping({ type: 'SEMANTIC' })).toThrow(/--type/);
    expect(() => parseMapping({ session: 'a,,b' })).toThrow(/--session/);
    expect(() => parseMapping({ metadata: 'a.id,b.id' })).toThrow(/names id twice/);
    expect(() => parseMapping({ metadata: '=id' })).toThrow(/key=field/);
  });
});

describe('lines in the shape of MemorizeInput', () => {
  it('are taken as they are, without their nulls', () => {
    const line = { content: 'x', type: 'PROCEDURAL', importance: 'HIGH', labels: ['a'], entityId: null };
    expect(mapLine(line, parseMapping({}), undefined)).toEqual({
      content: 'x',
      type: 'PROCEDURAL',
      importance: 'HIGH',
      labels: ['a'],
    });
  });

  it('go to the pool of the command, or to their own where it names none', () => {
    const line = { content: 'x', type: 'EPISODIC', pool: 'theirs' };
    expect(mapLine(line, parseMapping({}), 'team').pool).toBe('team');
    expect(mapLine(line, parseMapping({}), undefined).pool).toBe('theirs');
  });

  it('get their type from --type where they have none', () => {
    expect(mapLine({ content: 'x' }, parseMapping({ type: 'declarative' }), undefined).type).toBe('DECLARATIVE');
    expect(() => mapLine({ content: 'x' }, parseMapping({}), undefined)).toThrow(/type must be one of/);
  });

  it('are refused for a field that the broker does not know, for its sake it would refuse the whole batch', () => {
    expect(() => mapLine({ content: 'x', type: 'EPISODIC', text: 'y' }, parseMapping({}), undefined)).toThrow(
      /text is not a field/,
    );
  });
});

describe('times', () => {
  it.each([
    ['2024-02-29T10:00:00Z', '2024-02-29T10:00:00.000Z'],
    ['2024-02-29T10:00:00.123456+02:00', '2024-02-29T08:00:00.123Z'],
    ['2024-02-29 10:00-0530', '2024-02-29T15:30:00.000Z'],
  ])('%s is %s', (given, instant) => {
    expect(isoInstant(given, 'date', false)).toBe(instant);
  });

  it('without an offset are taken as UTC only when told so', () => {
    expect(() => isoInstant('2024-03-01T10:00:00', 'date', false)).toThrow(/no offset.*--assume-utc/);
    expect(isoInstant('2024-03-01T10:00:00', 'date', true)).toBe('2024-03-01T10:00:00.000Z');
    expect(isoInstant('2024-03-01', 'date', true)).toBe('2024-03-01T00:00:00.000Z');
  });

  it.each([
    '2023-02-29T00:00:00Z',
    '2023-13-01T00:00:00Z',
    '2023-01-01T25:00:00Z',
    'yesterday',
    1_700_000_000,
    '2023-01-01T00:00+99:00',
  ])('%s is refused', (given) => {
    expect(() => isoInstant(given, 'date', true)).toThrow(/date/);
  });
});
