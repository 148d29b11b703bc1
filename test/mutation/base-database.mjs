// One migrated database, from which each mutant's run begins; native where TEST_DATABASE_URL says so, else embedded.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * What the set-up of a run is told of it, in the environment.
 * @typedef {{ MUTATION_IMAGE?: string, MUTATION_TEMPLATE?: string }} BaseEnv
 * @typedef {{ env: BaseEnv, mutants: import('./catalogue-mutants.mjs').CatalogueMutant[], drop: () => Promise<void> }} Base
 */

/** @param {string} root of a copy that is built @param {string} folder @param {string | undefined} url @returns {Promise<Base>} */
export async function makeBase(root, folder, url) {
  const load = (/** @type {string} */ file) => import(pathToFileURL(path.join(root, file)).href);
  const { Database } = await load('dist/libs/platform/src/index.js');
  const { migrations } = await load('dist/migrations/index.js');
  const { administer, databaseUrl } = await load('test/support/global-setup.mjs');
  const name = `commonplace_walls_${process.pid}`;
  if (url) await administer(url, `create database ${name}`);
  const drop = async () => {
    if (url) await administer(url, `drop database if exists ${name} with (force)`);
  };
  try {
    const database = await Database.open({ url: url && databaseUrl(url, name), entities: [], migrations });
    await database.migrate();
    const { catalogueMutants } = await load('test/mutation/catalogue-mutants.mjs');
    const mutants = await catalogueMutants(
      async (/** @type {string} */ text) => (await database.maintenance(text)).rows,
    );
    const env = url ? { MUTATION_TEMPLATE: name } : { MUTATION_IMAGE: path.join(folder, 'base.tar') };
    if (env.MUTATION_IMAGE) fs.writeFileSync(env.MUTATION_IMAGE, await database.dump());
    await database.close();
    return { env, mutants, drop };
  } catch (error) {
    await drop();
    throw error;
  }
}
