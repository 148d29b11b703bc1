import { describe, expect, it } from '@jest/globals';
import { compileCondition, evaluate } from './condition.js';
import { conditionSql } from './condition-sql.js';
import { SqlParams } from './sql-params.js';
import { memoryRow } from './testing.js';
import { type MemoryRow } from './vocabulary.js';

const truth = (where: unknown, row: Parameters<typeof memoryRow>[0]) =>
  evaluate(compileCondition(where), memoryRow(row));

describe('a condition', () => {
  it('compares text as it stands', () => {
    expect(truth({ entityId: { eq: 'Alpha' } }, { entityId: 'Alpha' })).toBe('TRUE');
    expect(truth({ entityId: { eq: 'alpha' } }, { entityId: 'Alpha' })).toBe('FALSE');
  });

  it.each(['eq', 'ne'])('is UNKNOWN under %s where the attribute is null', (operator) => {
    expect(truth({ speaker: { [operator]: 'Ann' } }, { speaker: null })).toBe('UNKNOWN');
  });

  it.each(['in', 'nin'])('is UNKNOWN under %s where the attribute is null', (operator) => {
    expect(truth({ speaker: { [operator]: ['Ann'] } }, { speaker: null })).toBe('UNKNOWN');
  });

  it('is UNKNOWN where the attribute was not loaded at all', () => {
    const bare: Partial<MemoryRow> = memoryRow();
    Reflect.deleteProperty(bare, 'labels');
    expect(evaluate(compileCondition({ labels: { contains: 'x' } }), bare as never)).toBe('UNKNOWN');
  });

  it('is UNKNOWN where the attribute has a type that is not its own', () => {
    expect(truth({ createdAt: { lt: '2027-01-01T00:00:00Z' } }, { createdAt: '2026-01-01' as never })).toBe('UNKNOWN');
    expect(truth({ createdAt: { lt: '2027-01-01T00:00:00Z' } }, { createdAt: new Date(NaN) })).toBe('UNKNOWN');
    expect(truth({ importance: { lte: 'HIGH' } }, { importance: 2 as never })).toBe('UNKNOWN');
  });

  it('is FALSE as soon as one test is, though another is UNKNOWN', () => {
    expect(truth({ speaker: { eq: 'Ann' }, type: { eq: 'EPISODIC' } }, { speaker: null })).toBe('FALSE');
    expect(truth({ speaker: { eq: 'Ann' }, type: { eq: 'DECLARATIVE' } }, { speaker: null })).toBe('UNKNOWN');
  });

  it('orders importance from LOW to HIGH', () => {
    expect(truth({ importance: { gte: 'MEDIUM' } }, { importance: 'HIGH' })).toBe('TRUE');
    expect(truth({ importance: { gt: 'LOW', lt: 'HIGH' } }, { importance: 'HIGH' })).toBe('FALSE');
  });

  it('compares times as times, whatever offset they were written with', () => {
    const createdAt = new Date('2026-01-01T00:00:00.000Z');
    expect(truth({ createdAt: { eq: '2026-01-01T02:00:00+02:00' } }, { createdAt })).toBe('TRUE');
    expect(truth({ createdAt: { lt: '2025-12-31T23:00:00-02:00' } }, { createdAt })).toBe('TRUE');
  });

  it('compares times by the millisecond', () => {
    const createdAt = new Date('2026-01-01T00:00:00.123Z');
    expect(truth({ createdAt: { eq: '2026-01-01T00:00:00.123999Z' } }, { createdAt })).toBe('TRUE');
  });

  it('finds ids whatever case they were written in', () => {
    const authorId = 'a0000000-0000-7000-8000-00000000000f';
    expect(truth({ authorId: { eq: authorId.toUpperCase() } }, { authorId })).toBe('TRUE');
  });

  it('asks labels for one element or for any of several', () => {
    expect(truth({ labels: { contains: 'a' } }, { labels: ['a', 'b'] })).toBe('TRUE');
    expect(truth({ labels: { contains: 'a' } }, { labels: [] })).toBe('FALSE');
    expect(truth({ labels: { containsAny: ['c', 'b'] } }, { labels: ['a', 'b'] })).toBe('TRUE');
    expect(truth({ labels: { containsAny: ['c', 'd'] } }, { labels: ['a', 'b'] })).toBe('FALSE');
  });

  it('has one key however it was written', () => {
    const a = compileCondition({ type: { in: ['EPISODIC', 'PROCEDURAL'] }, speaker: { eq: 'Ann' } });
    const b = compileCondition({ speaker: { eq: 'Ann' }, type: { in: ['PROCEDURAL', 'EPISODIC', 'EPISODIC'] } });
    expect(a.key).toBe(b.key);
  });
});

describe('a condition as SQL', () => {
  it('binds every value, with a cast, and takes names from the catalogue', () => {
    const params = new SqlParams();
    const where = { entityId: { eq: "x'; drop table memory --" }, importance: { gte: 'MEDIUM' } };
    expect(conditionSql(compileCondition(where), params, 'm')).toBe(
      '(m.entity_id = $1::text and m.importance >= $2::smallint)',
    );
    expect(params.values).toEqual(["x'; drop table memory --", 2]);
  });

  it('binds a value once that is used twice', () => {
    const params = new SqlParams();
    const condition = compileCondition({ type: { in: ['EPISODIC'] } });
    expect(conditionSql(condition, params, 'm')).toBe(conditionSql(condition, params, 'm'));
    expect(params.values).toEqual([['EPISODIC']]);
  });
});

describe('a condition is refused', () => {
  const cases: [string, unknown, string][] = [
    ['no object', 'type = 1', 'where'],
    ['a list', [], 'where'],
    ['nothing in it', {}, 'where'],
    ['an unknown field', { content: { eq: 'x' } }, 'where.content'],
    ['a column in place of a field', { entity_id: { eq: 'x' } }, 'where.entity_id'],
    ['an inherited name', { toString: { eq: 'x' } }, 'where.toString'],
    ['SQL in place of a field', { '1=1); --': { eq: 'x' } }, 'where.1=1); --'],
    ['a value without operator', { type: 'EPISODIC' }, 'where.type'],
    ['a field without operators', { type: {} }, 'where.type'],
    ['an unknown operator', { type: { like: 'E%' } }, 'where.type.like'],
    ['a regular expression', { speaker: { regex: '(a+)+$' } }, 'where.speaker.regex'],
    ['an order on text', { speaker: { lt: 'x' } }, 'where.speaker.lt'],
    ['eq on labels', { labels: { eq: 'x' } }, 'where.labels.eq'],
    ['a value outside the enum', { type: { eq: 'episodic' } }, 'where.type.eq'],
    ['null', { entityId: { eq: null } }, 'where.entityId.eq'],
    ['a number for text', { entityId: { eq: 1 } }, 'where.entityId.eq'],
    ['an object for text', { entityId: { eq: { $ne: '' } } }, 'where.entityId.eq'],
    ['a list for one value', { entityId: { eq: ['x'] } }, 'where.entityId.eq'],
    ['one value for a list', { entityId: { in: 'x' } }, 'where.entityId.in'],
    ['an empty list', { entityId: { nin: [] } }, 'where.entityId.nin'],
    ['a wrong element', { type: { in: ['EPISODIC', 'X'] } }, 'where.type.in.1'],
    ['an id that is none', { authorId: { eq: 'me' } }, 'where.authorId.eq'],
    ['a number for importance', { importance: { gt: 1 } }, 'where.importance.gt'],
    ['a date without time', { createdAt: { lt: '2026-01-01' } }, 'where.createdAt.lt'],
    ['a time without offset', { createdAt: { lt: '2026-01-01T00:00:00' } }, 'where.createdAt.lt'],
    ['a day that does not exist', { createdAt: { lt: '2026-02-30T00:00:00Z' } }, 'where.createdAt.lt'],
    ['an hour that does not exist', { createdAt: { lt: '2026-02-03T24:00:00Z' } }, 'where.createdAt.lt'],
    ['the year 0', { createdAt: { lt: '0000-12-31T00:00:00Z' } }, 'where.createdAt.lt'],
    ['NUL', { entityId: { eq: 'a\u0000b' } }, 'where.entityId.eq'],
    ['half a surrogate pair', { entityId: { eq: '\ud800' } }, 'where.entityId.eq'],
    ['more than 16 KB', { entityId: { eq: 'x'.repeat(17_000) } }, 'where'],
  ];

  it.each(cases)('for %s', (_, where, field) => {
    expect(() => compileCondition(where)).toThrow(expect.objectContaining({ code: 'BAD_INPUT', details: { field } }));
  });

  it.each(['__proto__', 'constructor', '__caslSubjectType__'])('for the key %s at any depth', (key) => {
    for (const text of [
      `{"${key}": {"eq": "x"}}`,
      `{"entityId": {"${key}": "x"}}`,
      `{"entityId": {"eq": {"${key}": 1}}}`,
    ]) {
      expect(() => compileCondition(JSON.parse(text))).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    }
  });

  it('with a message that says what is allowed', () => {
    expect(() => compileCondition({ type: { lt: 'x' } })).toThrow(
      'where.type.lt: is no operator here; there are eq, ne, in, nin',
    );
  });
});
