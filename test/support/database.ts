import { accessEntities } from '#access';
import { Database } from '#platform';
import { describe, it } from '@jest/globals';
import fs from 'node:fs';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';

declare const TEST_DATABASE: { kind: 'embedded' } | { kind: 'postgres'; url: string };

export const isNative = TEST_DATABASE.kind === 'postgres';

/** Dropped when the file that imported this is through. */
declare const TEST_DATABASES: string[];

/** Where a native test database is; each gets one of its own, from the migrated template unless an empty one is wanted. */
export async function createNativeDatabase(template = process.env['TEST_TEMPLATE']): Promise<string> {
  if (TEST_DATABASE.kind !== 'postgres') throw new Error('there is no native Postgres in this run');
  const name = `commonplace_test_${process.pid}_${Date.now().toString(36)}_${TEST_DATABASES.length}`;
  const { url } = TEST_DATABASE;
  TEST_DATABASES.push(name);
  // Copies of one template are made one at a time.
  await onServer(url, `select pg_advisory_lock(42); create database ${name} template ${template}`);
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

/** A migrated database that nobody else uses. The test closes it. @param url a native one that is there already */
export async function openTestDatabase(url?: string): Promise<Database> {
  const options = { entities: accessEntities, migrations };
  if (isNative) return Database.open({ ...options, url: url ?? (await createNativeDatabase()), poolSize: 20 });
  return Database.open({ ...options, image: fs.readFileSync(process.env['TEST_IMAGE_FILE'] as string) });
}

/** For what the embedded database cannot show: it has one connection. The name tells why, by `nativeOnly`. */
export const itOnNative = isNative ? it : it.skip;
export const describeOnNative = isNative ? describe : describe.skip;

/** Such as races, which need more than one connection. The reason for a skip is in the test's name. */
export function nativeOnly(
  name: string,
  reason = 'the embedded database has one connection, so nothing races',
): string {
  return isNative ? name : `${name} [skipped: ${reason}]`;
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of sql.split(';')) await client.query(statement);
  } finally {
    await client.end();
  }
}
