import { describe, expect, it } from '@jest/globals';
import {
  BreakingChangeType,
  buildSchema,
  DangerousChangeType,
  findBreakingChanges,
  findDangerousChanges,
  isInputObjectType,
} from 'graphql';
import fs from 'node:fs';
import { printApiSchema } from '../apps/api/src/graphql/schema.js';
import { TO_COME } from './contract-to-come.js';

const file = (name: string) => fs.readFileSync(new URL(name, import.meta.url), 'utf8');
const contract = buildSchema(file('contract.graphql'));
const committed = file('../schema.graphql');
const schema = buildSchema(committed);

const REMOVED: readonly string[] = [BreakingChangeType.TYPE_REMOVED, BreakingChangeType.FIELD_REMOVED];
const named = (description: string) => description.replace(/ was removed\.$/, '');

describe('the API keeps its contract', () => {
  const changes = findBreakingChanges(contract, schema);
  const missing = changes.filter(({ type }) => REMOVED.includes(type)).map(({ description }) => named(description));

  it('narrows nothing that it offers', () => {
    expect(changes.filter(({ type }) => !REMOVED.includes(type))).toEqual([]);
  });

  it('lacks nothing but what is listed as still to come', () => {
    expect(missing.filter((what) => !TO_COME.includes(what))).toEqual([]);
  });

  it('lacks all that is listed as still to come: what is there by now leaves contract-to-come.ts', () => {
    expect(TO_COME.filter((what) => !missing.includes(what))).toEqual([]);
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
