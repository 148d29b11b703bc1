import { describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTestDatabase } from '../support/database.js';
import { catalogueMutants, conjuncts } from './catalogue-mutants.mjs';
import { mayHoldStatements, sourceMutants, withMutant } from './source-mutants.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const sources = fs
  .readdirSync(path.join(ROOT, 'libs'), { recursive: true, encoding: 'utf8' })
  .map((file) => path.posix.join('libs', file))
  .filter(mayHoldStatements)
  .map((file) => ({ file, text: fs.readFileSync(path.join(ROOT, file), 'utf8') }));

describe('what the walls are taken down from', () => {
  it('is every predicate of the services that names an organisation', () => {
    const found = sources.flatMap(({ file, text }) => sourceMutants(file, text));
    expect(found.length).toBeGreaterThan(70);
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    const overlooked = sources
      .filter(({ file }) => file.endsWith('.repository.ts'))
      .flatMap(({ file, text }) =>
        [...text.matchAll(/\borg_id\s*(=|<>|is\b|in\b)/g)]
          .filter(({ index }) => !sourceMutants(file, text).some(({ start, end }) => start <= index && index < end))
          .map((match) => `${file}: ${match[0]}`),
      );
    expect(overlooked).toEqual([]);
  });

  it('keeps a bound value bound, and its type', () => {
    const text = 'select from pool p where p.org_id = $1 and p.pool_id = any($2::uuid[]) and p.org_id = h.org_id';
    const mutants = sourceMutants('libs/a.repository.ts', text).map((mutant) => withMutant(text, mutant));
    expect(mutants).toEqual([
      text.replace('p.org_id = $1', '$1::uuid is not null'),
      text.replace('p.org_id = h.org_id', 'true'),
      text.replace('p.pool_id = any($2::uuid[])', '$2::uuid[] is not null'),
    ]);
  });

  it('finds a value that is written out, as one that is bound', () => {
    const text = "select from pool p where p.org_id = '${uuid(orgId)}' and p.pool_id = '${uuid(poolId)}'";
    const mutants = sourceMutants('libs/a.repository.ts', text).map((mutant) => withMutant(text, mutant));
    expect(mutants).toEqual([
      text.replace("p.org_id = '${uuid(orgId)}'", "'${uuid(orgId)}'::uuid is not null"),
      text.replace("p.pool_id = '${uuid(poolId)}'", "'${uuid(poolId)}'::uuid is not null"),
    ]);
  });

  it('is every condition of the row policies, every table, and what the functions ask for', async () => {
    const database = await openTestDatabase();
    const found = await catalogueMutants(async (text) => (await database.maintenance(text)).rows);
    await database.close();
    const count = (kind: string) => found.filter((mutant) => mutant.kind === kind).length;
    expect(count('policy')).toBeGreaterThan(120);
    expect(count('table')).toBeGreaterThan(28);
    expect(count('function')).toBeGreaterThan(8);
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
  });

  it('is split at the outermost AND alone', () => {
    expect(conjuncts(`((a = (b AND c)) AND f(' AND ') AND ( SELECT d AND e))`)).toEqual([
      '(a = (b AND c))',
      `f(' AND ')`,
      '( SELECT d AND e)',
    ]);
    expect(conjuncts('(a) AND (b)')).toEqual(['(a)', '(b)']);
  });
});
