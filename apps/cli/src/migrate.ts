import { readConfig } from '#platform';
import { openDatabase } from '../../api/src/broker.js';

export async function migrate(): Promise<void> {
  const database = await openDatabase(readConfig());
  try {
    const done = await database.migrate();
    console.log(done.length ? `Migrated: ${done.join(', ')}` : 'The database is up to date.');
  } finally {
    await database.close();
  }
}
