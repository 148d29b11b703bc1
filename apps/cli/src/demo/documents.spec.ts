import { describe, expect, it } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { MEMORIZE_MANY as IMPORT_LINES } from '../import/sender.js';
import * as demo from './documents.js';

describe('what the command line asks of the broker', () => {
  const documents = Object.entries({ ...demo, IMPORT_LINES });

  it.each(documents)('%s is in the schema', async (_, document) => {
    const schema = buildSchema(await readFile(path.resolve('schema.graphql'), 'utf8'));
    expect(validate(schema, parse(document))).toEqual([]);
  });
});
