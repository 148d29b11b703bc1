import { TestEnvironment as NodeEnvironment } from 'jest-environment-node';
import pg from 'pg';

/**
 * Drops the databases of a test file behind all of its hooks. A hook of the module that makes them would run before the file's
 * own: Jest calls them in the order of their definition, and brokers that are not closed yet would lose theirs.
 */
export default class extends NodeEnvironment {
  async setup() {
    await super.setup();
    this.global.TEST_DATABASES = [];
  }

  async teardown() {
    const { TEST_DATABASE, TEST_DATABASES = [] } = this.global;
    try {
      if (TEST_DATABASES.length > 0) await drop(TEST_DATABASE.url, TEST_DATABASES);
    } finally {
      await super.teardown();
    }
  }
}

/** @param {string} url @param {string[]} names */
async function drop(url, names) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const name of names) await client.query(`drop database if exists ${name} with (force)`);
  } finally {
    await client.end();
  }
}
