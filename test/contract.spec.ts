import { describe, expect, it } from '@jest/globals';
import {
  buildSchema,
  DangerousChangeType,
  findBreakingChanges,
  findDangerousChanges,
  isInputObjectType,
} from 'graphql';
import fs from 'node:fs';
import { printApiSchema } from '../apps/api/src/graphql/schema.js';

const file = (name: string) => fs.readFileSync(new URL(name, import.meta.url), 'utf8');
const contract = buildSchema(file('contract.graphql'));
const committed = file('../schema.graphql');
const schema = buildSchema(committed);

describe('the API keeps its contract', () => {
  it('lacks nothing and narrows nothing', () => {
    expect(findBreakingChanges(contract, schema)).toEqual([]);
  });

  it('changes no default of an argument', () => {
    const changed = findDangerousChanges(contract, schema).filter(
      ({ type }) => type === DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE,
    );
    expect(changed).toEqual([]);
  });

  it('changes no default of an input', () => {
    const inputs = Object.values(contract.getTypeMap()).filter(isInputObjectType);
    const changed = inputs.flatMap((input) => {
      const offered = schema.getType(input.name);
      const fields = isInputObjectType(offered) ? offered.getFields() : {};
      return Object.values(input.getFields())
        .filter(({ name, defaultValue }) => fields[name] && fields[name].defaultValue !== defaultValue)
        .map(({ name }) => `${input.name}.${name}`);
    });
    expect(changed).toEqual([]);
  });
});

describe('schema.graphql', () => {
  it('is what the code says: `npm run schema` writes it', async () => {
    expect(await printApiSchema()).toBe(committed);
  });
});
