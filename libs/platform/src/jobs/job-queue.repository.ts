import type { Database } from '../database/database.js';

const ROLES = 'commonplace_app, commonplace_system';

/** Units of work enqueue as the role that they run in. */
export async function letUnitsEnqueue(database: Database, schema: string): Promise<void> {
  await database.maintenance(
    `grant usage on schema ${schema} to ${ROLES}; grant select on ${schema}.queue to ${ROLES};
     grant select, insert on ${schema}.job to ${ROLES}`,
  );
}
