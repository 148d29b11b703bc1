import { issueOperatorKey } from '#access';
import { readConfig } from '#platform';
import { openDatabase } from '../../api/src/broker.js';

/** With the embedded database the broker must be stopped first: its folder has one user at a time. */
export async function issueAdminKey(revokeOthers: boolean): Promise<void> {
  const database = await openDatabase(readConfig());
  try {
    await database.migrate();
    const secret = await issueOperatorKey(database, revokeOthers);
    console.log(
      `The new admin's key, shown this once; the others ${revokeOthers ? 'are revoked' : 'stay valid'}:\n\n  ${secret}\n`,
    );
  } finally {
    await database.close();
  }
}
