import type { Database } from '../database/database.js';

const ROLES = 'commonplace_app, commonplace_system';

/** Units of work enqueue as the role that they run in. */
export async function letUnitsEnqueue(database: Database, schema: string): Promise<void> {
  await database.maintenance(
    `grant usage on schema ${schema} to ${ROLES}; grant select on ${schema}.queue to ${ROLES};
     grant select, insert on ${schema}.job to ${ROLES}`,
  );
}

/** Jobs that were under way when their broker ended are due again: the queue counts one more try as it begins them. */
export async function releaseOrphans(database: Database, schema: string): Promise<void> {
  await database.maintenance(`update ${schema}.job set state = 'retry', start_after = now() where state = 'active'`);
}
