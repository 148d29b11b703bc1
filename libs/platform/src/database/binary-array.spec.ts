import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openTestDatabase } from '../../../../test/support/database.js';
import { binaryArray } from './binary-array.js';
import type { Database } from './database.js';

let db: Database;
beforeAll(async () => void (db = await openTestDatabase()));
afterAll(() => db.close());

/** Both as Postgres writes them: those that were bound in binary, and the same as pg binds them, in text. */
async function bothWays(type: string, binary: Buffer, text: unknown): Promise<[string, string]> {
  const { rows } = await db.maintenance<{ binary: string; text: string }>(
    `select $1::${type}[]::text as binary, $2::${type}[]::text as text`,
    [binary, text],
  );
  return [rows[0]?.binary as string, rows[0]?.text as string];
}

const listOf = <Value>(value: fc.Arbitrary<Value>) => fc.array(fc.option(value), { maxLength: 120 });
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }).map((some) => some.replaceAll('\0', '')),
  fc.constantFrom('', 'NULL', '{}', '","', '\\', "'", 'é', '日本', '😀', 'x'.repeat(40_000), 'ä'.repeat(20_000)),
);
const instant = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});

const CASES = {
  uuid: [listOf(fc.uuid()), binaryArray.uuid],
  text: [listOf(text), binaryArray.text],
  bytea: [listOf(fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))), binaryArray.bytea],
  int2: [listOf(fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 })), binaryArray.int2],
  int4: [listOf(fc.integer()), binaryArray.int4],
  timestamptz: [listOf(instant), binaryArray.timestamptz],
} as unknown as Record<string, [fc.Arbitrary<unknown[]>, (values: unknown[]) => Buffer]>;

describe('an array in binary', () => {
  it.each(Object.entries(CASES))('of %s is what pg makes of it as a text', async (type, [lists, write]) => {
    await fc.assert(
      fc.asyncProperty(lists, async (values) => {
        // Of instants pg's texts are those of the local clock, to the minute: before zones were, they are off by seconds.
        const texts = values.map((value) => (value instanceof Date ? value.toISOString() : value));
        const [binary, asText] = await bothWays(type, write(values), texts);
        expect(binary).toBe(asText);
      }),
      { numRuns: 60, examples: [[[]], [[null]]] },
    );
  });

  it('of jsonb is what the texts say', async () => {
    const json = fc.jsonValue().filter((value) => value !== null && !JSON.stringify(value).includes('\\u0000'));
    await fc.assert(
      fc.asyncProperty(listOf(json), async (values) => {
        const texts = values.map((value) => (value === null ? null : JSON.stringify(value)));
        const [binary, asText] = await bothWays('jsonb', binaryArray.jsonb(values), texts);
        expect(binary).toBe(asText);
      }),
      { numRuns: 60 },
    );
  });

  it('of float4 is one of all the numbers, in single precision', async () => {
    const number = fc.oneof(fc.float(), fc.double({ min: -1, max: 1 }));
    const lists = fc.array(fc.array(number, { maxLength: 60 }), { maxLength: 20 });
    // pg would bind -0 as 0.
    const textOf = (some: number) => (Object.is(Math.fround(some), -0) ? '-0' : String(Math.fround(some)));
    await fc.assert(
      fc.asyncProperty(lists, async (values) => {
        const [binary, asText] = await bothWays('float4', binaryArray.float4(values), values.flat().map(textOf));
        expect(binary).toBe(asText);
      }),
      { numRuns: 60, examples: [[[]], [[[]]], [[[0.1], [], Array.from({ length: 5_000 }, (_, nth) => nth / 7)]]] },
    );
  });

  it('of tsvector is what the literals say, in whatever order the terms come', async () => {
    const term = fc.constantFrom('a', 'b', 'zürich', '日本', 'v2.1', 'x'.repeat(64), 'é', 'b2', '😀');
    const vector = fc
      .array(fc.tuple(term, fc.integer({ min: 1, max: 255 })), { maxLength: 9 })
      .map((pairs) => new Map(pairs));
    const literal = (terms: Map<string, number>) =>
      [...terms]
        .map(([name, count]) => `'${name}':${Array.from({ length: count }, (_, at) => at + 1).join()}`)
        .join(' ');
    await fc.assert(
      fc.asyncProperty(fc.array(vector, { maxLength: 20 }), async (vectors) => {
        const [binary, asText] = await bothWays('tsvector', binaryArray.tsvector(vectors), vectors.map(literal));
        expect(binary).toBe(asText);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves nothing behind for the next one when a value is none', async () => {
    for (const wrong of ['', '00000000-0000-7000-8000-00000000000', 'not-a-uuid-at-all-but-as-long-as-one'])
      expect(() => binaryArray.uuid(['00000000-0000-7000-8000-000000000001', wrong])).toThrow(`no UUID: ${wrong}`);
    for (const wrong of [undefined, NaN, 1.5] as number[]) {
      expect(() => binaryArray.int2([wrong])).toThrow('no whole number');
      expect(() => binaryArray.int4([wrong])).toThrow('no whole number');
    }
    expect(() => binaryArray.uuid(['İ'.repeat(32)])).toThrow('no UUID');
    expect(() => binaryArray.int2([40_000])).toThrow('out of range');
    expect(() => binaryArray.timestamptz([new Date(NaN)])).toThrow('NaN');
    expect(await bothWays('int4', binaryArray.int4([7]), [7])).toEqual(['{7}', '{7}']);
  });

  it('stays as it is when the next one is written', () => {
    const first = binaryArray.text(['one']);
    const before = Buffer.from(first);
    binaryArray.text(['another', 'and more']);
    expect(first).toEqual(before);
  });
});
