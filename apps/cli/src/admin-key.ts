import { issueOperatorKey } from '#access';
import { readConfig } from '#platform';
import { openDatabase } from '../../api/src/broker.js';

/** With the embedded database the broker must be stopped first: its folder has one user at a time. */
export async function issueAdminKey(): Promise<void> {
  const database = await openDatabase(readConfig());
  try {
    await database.migrate();
    console.log(`The new admin's key, shown this once; the others stay valid:\n\n  ${await issueOperatorKey(database)}\n`);
  } finally {
    await database.close();
  }
}
