import { SqlParams } from '#access';
import type { Json, JsonObject } from '#kernel';
import type { Database } from '#platform';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { openTestDatabase } from '../../../../test/support/database.js';
import { metadataSql, parseMetadataFilter } from './metadata-filter.js';

let database: Database;
beforeAll(async () => {
  database = await openTestDatabase();
  await database.maintenance('create table item (place int primary key, metadata jsonb)');
});
afterAll(() => database.close());

const KEYS = ['a', 'b', 'stage', 'zürich', "it's"];
/** Few enough to meet often; numbers that a double holds and fifteen digits do not; texts that sort by bytes alone. */
const scalar = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    false,
    '',
    'a',
    'B',
    'ab',
    'ä',
    '€',
    '🙂',
    '%',
    "'",
    '1',
    0,
    1,
    1.5,
    -1,
    2 ** 53 - 1,
    2 ** 53 - 3,
    0.1 + 0.2,
    0.3,
    1e300,
    5e-324,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ maxLength: 3 }),
);
const value = fc.oneof(
  { weight: 4, arbitrary: scalar as fc.Arbitrary<Json> },
  fc.array(scalar as fc.Arbitrary<Json>, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('x', 'y'), scalar as fc.Arbitrary<Json>, { maxKeys: 2 }),
);
const metadata = fc.option(fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 4 }), { freq: 12 });

const scalarText = (json: Json): boolean => typeof json === 'string' || typeof json === 'number';
const operators = fc.oneof(
  fc.record({ eq: value }),
  fc.record({ ne: value }),
  fc.record({ in: fc.array(value, { maxLength: 3 }) }),
  fc.record({ nin: fc.array(value, { maxLength: 3 }) }),
  ...['gt', 'gte', 'lt', 'lte'].map((name) =>
    (scalar as fc.Arbitrary<Json>).filter(scalarText).map((operand) => ({ [name]: operand })),
  ),
  (scalar as fc.Arbitrary<Json>).filter((operand) => operand !== null).map((operand) => ({ contains: operand })),
  fc.record({ exists: fc.boolean() }),
  fc.record({
    gte: fc.double({ noNaN: true, noDefaultInfinity: true }),
    lt: fc.double({ noNaN: true, noDefaultInfinity: true }),
  }),
);
const plain = value.filter((json) => typeof json !== 'object' || json === null || Array.isArray(json));
const nested: (levels?: number) => fc.Arbitrary<JsonObject> = fc.memo((levels) => {
  const own = fc.dictionary(fc.constantFrom(...KEYS), fc.oneof(operators as fc.Arbitrary<Json>, plain), { maxKeys: 2 });
  if (levels <= 1) return own;
  const some = fc.array(nested(), { minLength: 1, maxLength: 2 });
  const joined = fc.oneof(fc.record({ and: some }), fc.record({ or: some }), fc.record({ not: nested() }));
  return fc.tuple(own, joined).map((both) => Object.assign({}, ...both) as JsonObject);
});
const filter = nested(3);

/** What the filter means, in a few plain words. */
function matches(condition: JsonObject, of: JsonObject | null): boolean {
  return Object.entries(condition).every(([key, wanted]) => {
    if (key === 'and') return (wanted as JsonObject[]).every((one) => matches(one, of));
    if (key === 'or') return (wanted as JsonObject[]).some((one) => matches(one, of));
    if (key === 'not') return !matches(wanted as JsonObject, of);
    const isOperators = typeof wanted === 'object' && wanted !== null && !Array.isArray(wanted);
    const found = of !== null && Object.hasOwn(of, key) ? of[key] : undefined;
    return Object.entries(isOperators ? wanted : { eq: wanted }).every(([operator, operand]) =>
      compare(found, operator, operand),
    );
  });
}

const equal = (a: Json, b: Json) => isDeepStrictEqual(normal(a), normal(b));
/** Of −0 and 0 JSON knows one; the order of keys means nothing to isDeepStrictEqual. */
const normal = (json: Json): Json => JSON.parse(JSON.stringify(json)) as Json;

function compare(found: Json | undefined, operator: string, operand: Json): boolean {
  if (operator === 'exists') return (found !== undefined) === operand;
  if (found === undefined) return false;
  if (operator === 'eq') return equal(found, operand);
  if (operator === 'ne') return !equal(found, operand);
  if (operator === 'in') return (operand as Json[]).some((one) => equal(found, one));
  if (operator === 'nin') return !(operand as Json[]).some((one) => equal(found, one));
  if (operator === 'contains') {
    return Array.isArray(found)
      ? found.some((one) => equal(one, operand))
      : typeof found === 'string' && found.includes(String(operand));
  }
  if (typeof found !== typeof operand || !scalarText(operand)) return false;
  const order =
    typeof found === 'string'
      ? Buffer.compare(Buffer.from(found), Buffer.from(operand as string))
      : (found as number) - (operand as number);
  const holds: Record<string, boolean> = { gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 };
  return holds[operator] as boolean;
}

async function matching(condition: JsonObject): Promise<number[]> {
  const params = new SqlParams();
  const sql = metadataSql(parseMetadataFilter(condition, 'filter'), 'item.metadata', params);
  const { rows } = await database.maintenance<{ place: number }>(
    `select place from item where ${sql} order by place`,
    params.values,
  );
  return rows.map((row) => row.place);
}

describe('a filter on metadata', () => {
  it('means in SQL what it says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(metadata, { minLength: 20, maxLength: 40 }),
        fc.array(filter, { minLength: 8, maxLength: 8 }),
        async (items, filters) => {
          await database.maintenance('truncate item');
          const stored = items.map((item) => (item === null ? null : JSON.stringify(item)));
          await database.maintenance(
            'insert into item select n, m::jsonb from unnest($1::text[]) with ordinality as t (m, n)',
            [stored],
          );
          for (const condition of filters) {
            const expected = items.flatMap((item, place) =>
              matches(condition, item as JsonObject | null) ? [place + 1] : [],
            );
            expect({ condition, places: await matching(condition) }).toEqual({ condition, places: expected });
          }
        },
      ),
      { numRuns: 120 },
    );
  });

  it.each([
    [
      'numbers exactly, to the last bit',
      [
        0,
        -0,
        1,
        -1,
        1.5,
        0.3,
        0.1 + 0.2,
        2 ** 53 - 1,
        2 ** 53 - 2,
        123456789012345680,
        1e21,
        1e300,
        1.0000000000000002e300,
        5e-324,
        1e-7,
      ],
    ],
    ['texts by their code points', ['', 'a', 'B', 'b', 'ä', 'z', 'Z', '-', '_', '€', '🙂', 'a b', 'ab', '10', '9']],
  ])('compares %s', async (_, values) => {
    await database.maintenance('truncate item');
    await database.maintenance(
      'insert into item select n, m::jsonb from unnest($1::text[]) with ordinality as t (m, n)',
      [values.map((value) => JSON.stringify({ a: value }))],
    );
    for (const operator of ['gt', 'gte', 'lt', 'lte', 'eq', 'ne']) {
      for (const operand of values) {
        const expected = values.flatMap((value, place) => (compare(value, operator, operand) ? [place + 1] : []));
        const places = await matching({ a: { [operator]: operand } });
        expect({ operator, operand, places }).toEqual({ operator, operand, places: expected });
      }
    }
  });

  it('of none of the keys is met by everything, and of missing metadata by nothing but what asks for it to be missing', async () => {
    await database.maintenance(`truncate item; insert into item values (1, null), (2, '{}'), (3, '{"a": null}')`);
    expect(await matching({})).toEqual([1, 2, 3]);
    expect(await matching({ a: { exists: false } })).toEqual([1, 2]);
    expect(await matching({ a: { nin: [] } })).toEqual([3]);
    expect(await matching({ a: null })).toEqual([3]);
    expect(await matching({ not: { a: 1 } })).toEqual([1, 2, 3]);
  });

  it.each([
    [{ a: { like: 'x' } }, 'filter.a.like'],
    [{ a: {} }, 'filter.a'],
    [{ a: { in: 'x' } }, 'filter.a.in'],
    [{ a: { gt: true } }, 'filter.a.gt'],
    [{ a: { lte: [1] } }, 'filter.a.lte'],
    [{ a: { exists: 1 } }, 'filter.a.exists'],
    [{ a: { contains: { b: 1 } } }, 'filter.a.contains'],
    [{ and: [] }, 'filter.and'],
    [{ or: { a: 1 } }, 'filter.or'],
    [{ or: [{ a: 1 }, 5] }, 'filter.or.1'],
    [{ not: [{ a: 1 }] }, 'filter.not'],
    [{ and: [{ or: [{ b: { like: 1 } }] }] }, 'filter.and.0.or.0.b.like'],
    ['text', 'filter'],
    [[{ a: 1 }], 'filter'],
  ])('%j is refused at %s', (condition, field) => {
    expect(() => parseMetadataFilter(condition, 'filter')).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', details: { field } }),
    );
  });

  it('of more than fifty conditions, each list counted too, is refused', () => {
    const keys = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i]));
    expect(() => parseMetadataFilter(keys(49), 'filter')).not.toThrow();
    expect(() => parseMetadataFilter(keys(50), 'filter')).toThrow('more than 50');
  });
});
