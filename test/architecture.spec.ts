import { describe, expect, it } from '@jest/globals';
import { overBudget } from './architecture/budgets.js';
import { EXCEPTIONS, OVER_BUDGET } from './architecture/exceptions.js';
import { readHouse } from './architecture/files.js';
import { RULES, type Problem } from './architecture/rules.js';
import { readSource } from './architecture/source.js';

const house = readHouse();
const covers = (place: string, path: string) => (place.endsWith('/') ? path.startsWith(place) : path === place);
const tell = ({ path, line, what }: Problem) => `${path}:${line} ${what}`;

/** What each rule must refuse, file by file, so that a rule which has gone blind is found out. */
const REFUSED: Record<string, Record<string, string>> = {
  'a lib imports only the libs below it': {
    'libs/kernel/src/a.ts': `import { Database } from '#platform';`,
    'libs/access/src/b.ts': `import type { Memory } from '#memory';`,
    'libs/memory/src/c.ts': `export { FeedService } from '#feed';`,
    'libs/memory/src/d.ts': `const feed = await import('#feed');`,
    'libs/memory/src/e.ts': `let feed: import('#feed').FeedService;`,
    'libs/memory/src/f.ts': `import { Memory } from '#memory';`,
    'libs/embedding/src/g.ts': `import { Database } from '#platform';`,
    'libs/unknown/src/h.ts': `import { newId } from '#kernel';`,
    'migrations/0009-i.ts': `import { MEMORY_TYPES } from '#access';`,
  },
  'a room is entered by its door': {
    'libs/feed/src/a.ts': `import { visible } from '../../memory/src/memory.repository.js';`,
    'apps/api/src/b.ts': `import { visible } from '../../../libs/memory/src/memory.repository.js';`,
    'apps/api/src/c.ts': `import { visible } from '#memory/src/memory.repository.js';`,
    'libs/memory/src/d.ts': `import { openBroker } from '../../../apps/api/src/broker.js';`,
    'libs/memory/src/e.ts': `import { migrations } from '../../../migrations/index.js';`,
    'libs/memory/src/f.ts': `import { startTestApi } from '../../../test/support/api.js';`,
  },
  'an app imports another only where that was meant': {
    'apps/api/src/a.ts': `import { fail } from '../../cli/src/fail.js';`,
  },
  'the console knows the broker through its client alone': {
    'apps/console/src/a.ts': `import type { Memory } from '#memory';`,
  },
  'a lib knows no transport': {
    'libs/memory/src/a.ts': `import { GraphQLError } from 'graphql';`,
    'libs/memory/src/b.ts': `import { Field } from '@nestjs/graphql';`,
    'libs/feed/src/c.ts': `import type { FastifyRequest } from 'fastify';`,
    'libs/feed/src/d.ts': `import { ApolloServer } from '@apollo/server';`,
    'libs/tools/src/e.ts': `import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';`,
    'libs/feed/src/f.ts': `import { WebSocketServer } from 'ws';`,
    'libs/kernel/src/g.ts': `import { Injectable } from '@nestjs/common';`,
  },
  'CASL is known in access alone': {
    'apps/api/src/a.ts': `import { subject } from '@casl/ability';`,
    'libs/memory/src/b.ts': `import type { Ability } from '@casl/ability';`,
  },
  'only platform/database speaks to Postgres': {
    'apps/api/src/a.ts': `import { DataSource } from 'typeorm';`,
    'libs/memory/src/b.ts': `import pg from 'pg';`,
    'libs/memory/src/c.service.ts': `import type { EntityManager } from 'typeorm';`,
    'libs/memory/src/d.entity.ts': `import { Entity, DataSource } from 'typeorm';`,
    'libs/memory/src/e.ts': `import * as typeorm from 'typeorm';`,
    'libs/platform/src/jobs/f.ts': `import { PGlite } from '@electric-sql/pglite';`,
    'libs/memory/src/g.ts': `import type PgBoss from 'pg-boss';`,
    'migrations/0009-h.ts': `import { DataSource } from 'typeorm';`,
  },
  'SQL stands in repositories and migrations': {
    'libs/memory/src/a.service.ts': 'const text = `select memory_id from ${table} where org_id = $1`;',
    'libs/memory/src/b.service.ts': `unit.query({ text: 'update memory set content = null' });`,
    'libs/memory/src/c.ts': `const text = 'INSERT INTO memory (org_id) values ($1)';`,
    'libs/memory/src/d.ts': `const text = 'delete from memory where true';`,
    'libs/access/src/e.ts': `const text = "select set_config('app.org', $1, true)";`,
    'libs/platform/src/f.ts': 'await client.query(`set local role ${role}`);',
    'apps/api/src/g.controller.ts': `const text = 'select 1';`,
    'apps/api/src/h.ts': `const text = 'create table memory ()';`,
    'libs/platform/src/i.js': `await db.exec('rollback');`,
  },
  'process.env is read in platform/config alone': {
    'apps/api/src/a.ts': `const port = process.env.PORT;`,
    'apps/api/src/b.ts': `const { env } = process;`,
    'libs/memory/src/c.ts': `import { env } from 'node:process';`,
    'libs/memory/src/d.ts': `const env = process['env'];`,
  },
  'only the command line writes to the console': {
    'apps/api/src/a.ts': `console.log('here');`,
    'libs/memory/src/b.ts': `export const say = () => console.error('there');`,
  },
  'no folder is a drawer': {
    'libs/memory/src/utils/a.ts': '',
    'apps/api/src/common/b.ts': '',
  },
  'no files import each other in a circle': {
    'libs/memory/src/a.ts': `import { b } from './b.js';`,
    'libs/memory/src/b.ts': `export { c } from './c.js';`,
    'libs/memory/src/c.ts': `import { a, type A } from './a.js';`,
  },
};

/** What a rule that has become too strict would refuse. */
const ALLOWED: Record<string, string> = {
  'libs/embedding/src/a.ts': `import type { EmbeddingConfig } from '#platform'; import { type Config } from '#platform';`,
  'libs/memory/src/b.entity.ts': `import { Column, Entity, PrimaryColumn } from 'typeorm';`,
  'libs/memory/src/c.ts': `const text = 'The model selects one, updates it and sets another from the list; begin again';`,
  'libs/memory/src/d.ts': `import type { E } from './e.js'; export const d = 1;`,
  'libs/memory/src/e.ts': `import { d } from './d.js'; const later = () => import('./f.js');`,
  'libs/memory/src/f.ts': `import { e } from './e.js';`,
  'apps/cli/src/g.ts': `import { openBroker } from '../../api/src/broker.js'; console.log('ready');`,
  'apps/api/src/h.ts': `import { migrations } from '../../../migrations/index.js';`,
  'apps/cli/src/i.ts': 'const document = `mutation { revise(input: ${input}) { id } }`;',
};

const read = (files: Record<string, string>) => Object.entries(files).map(([path, text]) => readSource(path, text));

describe.each(RULES)('$name', (rule) => {
  const known = EXCEPTIONS[rule.name] ?? {};

  it('holds in the house', () => {
    const found = rule.check(house).filter(({ path }) => !Object.keys(known).some((place) => covers(place, path)));
    expect(found.map(tell)).toEqual([]);
  });

  it('needs every exception that it has', () => {
    const broken = rule.check(house).map(({ path }) => path);
    expect(Object.keys(known).filter((place) => !broken.some((path) => covers(place, path)))).toEqual([]);
  });

  it('refuses what it is there for', () => {
    const files = REFUSED[rule.name] as Record<string, string>;
    const refused = new Set(rule.check(read(files)).map((problem) => problem.path));
    const wanted = rule.name.includes('circle') ? ['libs/memory/src/a.ts'] : Object.keys(files);
    expect([...refused].sort()).toEqual(wanted.sort());
  });

  it('lets through what it is not about', () => {
    expect(rule.check(read(ALLOWED)).map(tell)).toEqual([]);
  });
});

describe('budgets', () => {
  const sizes = new Map(overBudget(house).map(({ what, is }) => [what, is]));

  it('grow nowhere', () => {
    const grown = [...sizes].filter(([what, is]) => is > (OVER_BUDGET[what] ?? 0));
    expect(grown.map(([what, is]) => `${what} is ${is}`)).toEqual([]);
  });

  it('are listed as large as they are', () => {
    const shrunk = Object.entries(OVER_BUDGET).filter(([what, listed]) => (sizes.get(what) ?? 0) < listed);
    expect(shrunk.map(([what]) => `${what} is ${sizes.get(what) ?? 'within its budget'}`)).toEqual([]);
  });

  it('find a long file, a constructor with many dependencies and a function with many parameters', () => {
    const lines = '// a line\n'.repeat(301);
    const source = `class Service { constructor(a, b, c, d, e, f, g) {} }
      const many = (a, b, c, d, e) => a;
      class Fine { constructor(a, b, c, d, e, f) {} few(a, b, c, d) {} }`;
    expect(
      overBudget(read({ 'libs/a/src/long.ts': lines, 'migrations/0009-long.ts': lines, 'libs/a/src/wide.ts': source })),
    ).toEqual([
      { what: 'libs/a/src/long.ts', is: 301 },
      { what: 'libs/a/src/wide.ts#Service', is: 7 },
      { what: 'libs/a/src/wide.ts#many', is: 5 },
    ]);
  });
});

it('reads the whole house', () => {
  const rooms = new Set(house.map(({ path }) => path.split('/').slice(0, 2).join('/')));
  expect([...rooms]).toEqual(
    expect.arrayContaining([
      'apps/api',
      'apps/cli',
      'bench/main.ts',
      'libs/access',
      'libs/kernel',
      'libs/memory',
      'migrations/index.ts',
    ]),
  );
});
