import type { Database } from '../database/database.js';

/** Callers' units of work enqueue as their own role. */
export async function letCallersEnqueue(database: Database, schema: string): Promise<void> {
  await database.maintenance(
    `grant usage on schema ${schema} to commonplace_app; grant select on ${schema}.queue to commonplace_app;
     grant select, insert on ${schema}.job to commonplace_app`,
  );
}
