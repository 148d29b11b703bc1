import { CommonplaceError } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { parseArguments } from './arguments.js';
import { definitionsIn, TOOL_FORMATS, type ToolFormat } from './definitions.js';
import type { Tool } from './tool.js';
import { TOOLS } from './tools.js';

type Schema = {
  properties: Record<string, Record<string, unknown>>;
  required?: string[];
  additionalProperties: unknown;
};

const NAMES = ['remember', 'memorize', 'revise', 'forget', 'list_pools', 'explain_access'];
/** Draft 2020-12, and whatever it does not know or finds strange is a failure. */
const ajv = new Ajv2020({ strict: true, strictRequired: true, allowUnionTypes: true, allErrors: true });

function schemaIn(format: ToolFormat, place: number): Schema {
  const definition = definitionsIn(format)[place] as Record<string, Record<string, Schema>>;
  if (format === 'OPENAI') return definition['function']?.['parameters'] as Schema;
  return definition[format === 'MCP' ? 'inputSchema' : 'input_schema'] as unknown as Schema;
}

function takes(tool: Tool, given: unknown): boolean {
  try {
    parseArguments(tool, given);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(CommonplaceError);
    expect((error as CommonplaceError).code).toBe('BAD_INPUT');
    expect((error as CommonplaceError).message.length).toBeLessThan(3_000);
    return false;
  }
}

describe.each(TOOL_FORMATS)('the tools in the form of %s', (format) => {
  it.each(NAMES.map((name, place) => [name, place] as const))('%s has a strict schema', (name, place) => {
    const schema = schemaIn(format, place);
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(() => ajv.compile(schema)).not.toThrow();
    expect(schema.additionalProperties).toBe(false);
    for (const property of Object.values(schema.properties)) expect(property['description']).toMatch(/\S/);
    expect(JSON.stringify(definitionsIn(format)[place])).toContain(`"name":"${name}"`);
  });
});

describe('the schema of OpenAI', () => {
  it.each(NAMES.map((name, place) => [name, place] as const))(
    '%s asks for every argument, as strict mode must',
    (_, place) => {
      const schema = schemaIn('OPENAI', place);
      expect(schema.required).toEqual(Object.keys(schema.properties));
      expect(JSON.stringify(schema)).not.toMatch(/"(default|maxLength|minLength|\$schema)"/);
    },
  );

  it('takes null where an argument may be left out, and so does the tool', () => {
    const given = { query: 'who', user_id: null, max_results: null, pool: null };
    expect(ajv.compile(schemaIn('OPENAI', 0))(given)).toBe(true);
    expect(parseArguments(TOOLS[0] as Tool, given)).toEqual({ query: 'who', max_results: 5 });
  });

  it('does not take null in the place of what must be given', () => {
    expect(() => parseArguments(TOOLS[0] as Tool, { query: null })).toThrow('query: must be text');
  });
});

describe.each(TOOLS.map((tool, place) => ({ tool, place, name: tool.name })))('what $name takes', ({ tool, place }) => {
  const schema = schemaIn('MCP', place);
  const validate: ValidateFunction = ajv.compile(schema);

  it('is what its schema says, whatever is given', () => {
    const valueOf = (property: Record<string, unknown>) =>
      fc.oneof(
        { weight: 5, arbitrary: sound(property) },
        { weight: 2, arbitrary: fc.anything({ withNullPrototype: false }) },
        {
          weight: 1,
          arbitrary: fc.constantFrom<unknown>('', ' ', 'x'.repeat(65), 'x'.repeat(40_000), 0, 51, 1.5, -1, 1e300),
        },
      );
    const shaped = fc.record(
      Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, valueOf(property)])),
      { requiredKeys: [] },
    );
    const strange = fc.dictionary(fc.constantFrom('querry', 'admin', 'toString', 'a b'), fc.anything(), { maxKeys: 2 });
    const given = fc.oneof(
      { weight: 8, arbitrary: shaped },
      { weight: 2, arbitrary: fc.tuple(shaped, strange).map(([one, other]) => ({ ...one, ...other })) },
      { weight: 1, arbitrary: fc.anything() },
    );
    let taken = 0;
    fc.assert(
      fc.property(given, (value) => {
        // As it would have come over a wire, where Infinity is null, too; a null is left out, so that the two speak of the same.
        const wired = withoutNulls(onTheWire(value));
        const isTaken = takes(tool, wired);
        if (isTaken) taken++;
        expect({ wired, isTaken }).toEqual({ wired, isTaken: validate(wired) });
      }),
      { numRuns: 500 },
    );
    expect(taken).toBeGreaterThan(20);
  });
});

function onTheWire(value: unknown): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

const withoutNulls = (value: unknown): unknown =>
  onTheWire(
    value === null || typeof value !== 'object' || Array.isArray(value)
      ? value
      : Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null)),
  );

function sound({ type, enum: words, maxLength }: Record<string, unknown>): fc.Arbitrary<unknown> {
  if (Array.isArray(words)) return fc.constantFrom(...(words as string[]));
  if (type === 'integer') return fc.integer({ min: 1, max: 50 });
  return fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: Math.min(20, Number(maxLength)) })
    .map((text) => `a${text}`);
}

describe('what is wrong', () => {
  const remember = TOOLS[0] as Tool;
  const memorize = TOOLS[1] as Tool;
  const failureOf = (tool: Tool, given: unknown): string => {
    try {
      parseArguments(tool, given);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  it.each<[string, Tool, unknown, string]>([
    [
      'nothing given',
      remember,
      undefined,
      'arguments: must be an object: remember takes query, user_id, max_results, pool',
    ],
    ['a list', remember, [], 'arguments: must be an object'],
    ['a missing query', remember, {}, 'query: is missing'],
    ['a number as query', remember, { query: 5 }, 'query: must be text'],
    ['an empty query', remember, { query: ' \n' }, 'query: is empty'],
    [
      'a query that is too long',
      remember,
      { query: 'x'.repeat(1_000_000) },
      'query: is too long: at most 8192 characters',
    ],
    ['too many results', remember, { query: 'x', max_results: 51 }, 'max_results: must be a whole number from 1 to 50'],
    ['results as text', remember, { query: 'x', max_results: '5' }, 'max_results: must be a whole number from 1 to 50'],
    ['another name', remember, { query: 'x', limit: 5 }, '"limit": not taken; remember takes query, user_id'],
    [
      'another type',
      memorize,
      { content: 'x', memory_type: 'EPISODIC' },
      'memory_type: must be one of episodic, declarative, procedural',
    ],
    ['several', memorize, { memory_type: 'x', importance: 1 }, 'content: is missing\nmemory_type: must be one of'],
  ])('%s is told', (_, tool, given, told) => {
    expect(failureOf(tool, given)).toContain(told);
  });

  it('is told shortly, however much of it there is', () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`${'n'.repeat(500)}${n}`, n]));
    expect(failureOf(remember, { query: 'x', ...many }).length).toBeLessThan(2_000);
  });

  it('counts characters as people do, and not the halves of pairs', () => {
    expect(failureOf(remember, { query: '😀'.repeat(8_192) })).toBe('');
    expect(failureOf(remember, { query: '😀'.repeat(8_193) })).toContain('too long');
  });
});
