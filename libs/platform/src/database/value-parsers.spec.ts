import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { valueParsers } from './value-parsers.js';

const TEXT_ARRAY = 1009;
const parse = (oid: number, text: string): unknown =>
  (valueParsers.getTypeParser(oid) as (text: string) => unknown)(text);

describe('what Postgres answers', () => {
  it('as a large integer is a number', () =>
    expect(parse(pg.types.builtins.INT8, '9007199254740991')).toBe(2 ** 53 - 1));

  it.each([
    ['{}', []],
    ['{a}', ['a']],
    ['{a,NULL,"{}","b,\\"c\\""}', ['a', null, '{}', 'b,"c"']],
  ])('as the texts %s is a list', (text, list) => expect(parse(TEXT_ARRAY, text)).toEqual(list));

  it('as no texts is a list of its own each time', () => {
    expect(parse(TEXT_ARRAY, '{}')).not.toBe(parse(TEXT_ARRAY, '{}'));
  });

  it('as anything else is what pg makes of it', () => {
    expect(valueParsers.getTypeParser(pg.types.builtins.BOOL)).toBe(pg.types.getTypeParser(pg.types.builtins.BOOL));
  });
});
