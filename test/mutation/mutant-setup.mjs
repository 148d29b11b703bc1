// Jest's set-up for a run of one mutant, instead of test/support/global-setup.mjs: the database is migrated already, and
// loses one of its walls where the mutant is in it.
import fs from 'node:fs';
import pg from 'pg';
import { Database } from '../../dist/libs/platform/src/index.js';
import { databaseUrl, imageFile, templateName } from '../support/global-setup.mjs';

const { TEST_DATABASE_URL: url, MUTATION_SQL: sql, MUTATION_TEMPLATE: template, MUTATION_IMAGE: image } = process.env;
const ONE_COPY_AT_A_TIME = 'select pg_advisory_lock(42)';

export default async function setup() {
  if (url) {
    await run(url, ONE_COPY_AT_A_TIME, `create database ${templateName} template ${template}`);
    if (sql) await run(databaseUrl(url, templateName), sql);
    process.env.TEST_TEMPLATE = templateName;
    return;
  }
  fs.writeFileSync(imageFile, sql ? await mutated(sql) : fs.readFileSync(String(image)));
  process.env.TEST_IMAGE_FILE = imageFile;
}

/** @param {string} at @param {...string} statements */
async function run(at, ...statements) {
  const client = new pg.Client({ connectionString: at });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** @param {string} statement */
async function mutated(statement) {
  const database = await Database.open({ entities: [], image: fs.readFileSync(String(image)) });
  await database.maintenance(statement);
  const dump = await database.dump();
  await database.close();
  return dump;
}
