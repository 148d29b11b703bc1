import type pg from 'pg';
import { Rounds } from '../jobs/rounds.js';

const EVERY_MS = 10_000;

/** The size at the last time is in pages; what changes within them is known only to a server that counts its statements. */
const GROWN = `select c.oid::regclass::text as "table" from pg_class c
  where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
    and pg_relation_size(c.oid) > current_setting('block_size')::integer * (1.2 * c.relpages + 4)
  order by 1`;

/**
 * What autovacuum does on a server, for the embedded database, which has none: tables that have grown by a fifth are
 * vacuumed and analysed. Without it the plans that were made and kept while they were empty are kept for ever.
 */
export class Upkeep {
  private readonly rounds = new Rounds(() => this.run(), {
    pauseMs: () => EVERY_MS,
    // A database that is away is told of by whoever wanted something of it; the next round sees to the tables.
    onError: () => undefined,
  });

  constructor(private readonly pool: Pick<pg.Pool, 'query'>) {
    this.rounds.within(EVERY_MS);
  }

  /** @returns the tables that were seen to. */
  async run(): Promise<string[]> {
    const { rows } = await this.pool.query<{ table: string }>(GROWN);
    const seenTo: string[] = [];
    for (const { table } of rows) {
      if (this.rounds.stopped) break;
      // Table by table: others' statements come in between.
      await this.pool.query(`vacuum (analyze) ${table}`);
      seenTo.push(table);
    }
    return seenTo;
  }

  /** Waits for the table that is under way. */
  stop(): Promise<void> {
    return this.rounds.stop();
  }
}
