// Migrates once: every test file then begins from a copy. Runs from dist, which `npm test` builds first.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Database } from '../../dist/libs/platform/src/index.js';
import { migrations } from '../../dist/migrations/index.js';

export const imageFile = path.join(os.tmpdir(), `commonplace-test-${process.pid}.tar`);
export const templateName = `commonplace_template_${process.pid}`;

/** @param {string} url @param {string} name */
export const databaseUrl = (url, name) => Object.assign(new URL(url), { pathname: `/${name}` }).href;

/** @param {string} url @param {string} sql */
export async function administer(url, sql) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

export default async function setup() {
  const embedded = await Database.open({ entities: [], migrations });
  await embedded.migrate();
  fs.writeFileSync(imageFile, await embedded.dump());
  await embedded.close();
  process.env.TEST_IMAGE_FILE = imageFile;

  const url = process.env.TEST_DATABASE_URL;
  if (!url) return;
  await administer(url, `create database ${templateName}`);
  const native = await Database.open({ url: databaseUrl(url, templateName), entities: [], migrations });
  await native.migrate();
  await native.close();
  process.env.TEST_TEMPLATE = templateName;
}
