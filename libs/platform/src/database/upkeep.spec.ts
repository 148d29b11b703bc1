import { afterEach, expect, it } from '@jest/globals';
import fs from 'node:fs';
import pg from 'pg';
import { EmbeddedPostgres } from './embedded.js';
import { Upkeep } from './upkeep.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function open(): Promise<{ client: pg.Client; upkeep: Upkeep }> {
  const embedded = await EmbeddedPostgres.start({ image: fs.readFileSync(process.env['TEST_IMAGE_FILE'] as string) });
  ends.push(() => embedded.close());
  const client = new pg.Client(embedded.poolOptions());
  await client.connect();
  ends.push(() => client.end());
  const upkeep = new Upkeep(client);
  ends.push(() => upkeep.stop());
  return { client, upkeep };
}

it('sees to a table that has grown, once, and not to the others', async () => {
  const { client, upkeep } = await open();
  await upkeep.run();
  await client.query(`create table "Grown" (id int); insert into "Grown" select generate_series(1, 10000)`);
  expect(await upkeep.run()).toEqual(['"Grown"']);
  expect(await upkeep.run()).toEqual([]);
});

it('ends the plans that were made while a table was empty', async () => {
  const { client, upkeep } = await open();
  await client.query('create table note (id int primary key, of_day int); create index note_of_day on note (of_day)');
  await client.query('vacuum (analyze) note');
  await client.query(`prepare one_of_day (int, int) as select from note where id = $1 and of_day = $2;
    set plan_cache_mode = force_generic_plan; execute one_of_day (1, 1)`);
  const plan = async () => JSON.stringify((await client.query('explain execute one_of_day (1, 1)')).rows);
  await client.query('insert into note select n, 1 from generate_series(1, 10000) n');
  const before = await plan();
  expect(await upkeep.run()).toContain('note');
  expect(before).not.toContain('note_pkey');
  expect(await plan()).toContain('note_pkey');
});
