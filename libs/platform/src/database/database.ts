import { CommonplaceError } from '#kernel';
import type pg from 'pg';
import {
  DataSource,
  MigrationExecutor,
  type EntityTarget,
  type ObjectLiteral,
  type QueryRunner,
  type Repository,
} from 'typeorm';
import { ClientUnit, nothing, sendTogether } from './client-unit.js';
import { dataSourceOptions, initialize, poolOptions, type DataSourceClasses } from './data-source.js';
import { DataDirLock } from './data-dir-lock.js';
import { EmbeddedPostgres } from './embedded.js';
import { isRetryable, sqlState, translate } from './failures.js';
import { Pipeline } from './pipeline.js';
import { checkServer, SERVER_VERSIONS, type ServerVersions } from './server-requirements.js';
import { Upkeep } from './upkeep.js';

const MIGRATION_WAIT_MS = 600_000;
const MIGRATION_POLL_MS = 250;
const MAX_ATTEMPTS = 3;
const INSUFFICIENT_PRIVILEGE = '42501';
/** Any number that all brokers agree on; advisory locks are per database. */
const MIGRATION_LOCK = 4_823_901;

export interface DatabaseOptions extends DataSourceClasses {
  /** Native Postgres. Without it the embedded database is used. */
  url?: string;
  poolSize?: number;
  /** Folder of the embedded database; without it, it lives in memory. */
  dataDir?: string;
  /** A dump for the embedded database in memory to begin from. */
  image?: Uint8Array;
}

/** A statement whose text never holds a value: those are bound. `name` makes Postgres keep its plan. */
export interface Statement {
  name?: string;
  text: string;
  values?: unknown[];
  /** Of a text that is put together: its plan is kept too, as long as there are not too many of them. */
  keep?: boolean;
  /** One plan for all values, also inside of functions. Postgres takes lists of unknown length for dear, and plans anew for each. */
  plan?: 'generic';
}

export interface UnitScope {
  /** The role that row-level security sees; it is set for the unit's own transaction only. */
  role: 'commonplace_app' | 'commonplace_system';
  /** Runs before the unit's own statements, in the same flight; when it fails none of them ran. */
  opening: Statement;
  /** Postgres refuses its writes. There is nothing to commit, so the answer does not wait for the end of the transaction. */
  readOnly?: boolean;
  /** What waits longer for a lock is refused with 55P03; without it, as long as a statement may take. */
  lockTimeoutMs?: number | undefined;
  /** Behind which units it may be sent, and which may be sent behind it once it has sent its last statement. */
  pipeline?: Pipeline | undefined;
}

/** One transaction. Inside it: no network call, and no waiting for anything but its own statements. */
export interface Unit {
  query<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]>;
  /** With the commit behind it, in one flight: what its rows say is stored when the unit is through, and cannot be undone. */
  queryLast<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]>;
  entities<Entity extends ObjectLiteral>(target: EntityTarget<Entity>): Repository<Entity>;
}

export type DatabaseKind = 'embedded' | 'postgres';

/** The only door to Postgres, embedded or native. */
export class Database {
  /** What migrate() found to say of a server that works and should still be updated. */
  warning: string | null = null;
  /**
   * Grows with every connection that was lost: Postgres may have crashed then, and may give out numbers of transactions again
   * that it had given to some that were open.
   */
  incarnation = 0;
  private readonly upkeep: Upkeep | undefined;

  private constructor(
    readonly kind: DatabaseKind,
    private readonly source: DataSource,
    private readonly embedded: EmbeddedPostgres | undefined,
    private readonly lock: DataDirLock | undefined,
  ) {
    this.upkeep = embedded && new Upkeep(this.pool);
    this.listenForLosses();
  }

  static async open(options: DatabaseOptions): Promise<Database> {
    if (options.url) {
      const source = new DataSource({
        ...dataSourceOptions(options),
        url: options.url,
        extra: { ...poolOptions, max: options.poolSize ?? 10, connectionTimeoutMillis: 10_000, keepAlive: true },
      });
      return new Database('postgres', await initialize(source), undefined, undefined);
    }
    const lock = options.dataDir ? DataDirLock.acquire(options.dataDir) : undefined;
    let embedded: EmbeddedPostgres | undefined;
    try {
      const dataDir = options.dataDir ? `${options.dataDir}/postgres` : undefined;
      embedded = await EmbeddedPostgres.start({ dataDir, image: options.image });
      const source = new DataSource({
        ...dataSourceOptions(options),
        extra: { ...poolOptions, ...embedded.poolOptions() },
      });
      return new Database('embedded', await initialize(source), embedded, lock);
    } catch (error) {
      await embedded?.close();
      lock?.release();
      throw error;
    }
  }

  /**
   * Brings the schema up to date, forward only. Twenty processes may start at once: one migrates, the others wait.
   * @returns the names of the migrations that ran.
   */
  async migrate(): Promise<string[]> {
    const runner = this.source.createQueryRunner();
    try {
      const [versions] = (await runner.query(SERVER_VERSIONS)) as ServerVersions[];
      this.warning = checkServer(versions as ServerVersions);
      // On the one connection that the migrations use too: the embedded database has no second.
      await takeMigrationLock(runner);
      const executor = new MigrationExecutor(this.source, runner);
      executor.transaction = 'each';
      const done = await executor.executePendingMigrations();
      await runner.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      return done.map((migration) => migration.name);
    } catch (error) {
      throw sqlState(error) === INSUFFICIENT_PRIVILEGE ? needsRights(error) : error;
    } finally {
      await runner.release();
    }
  }

  async hasPendingMigrations(): Promise<boolean> {
    return this.source.showMigrations();
  }

  /**
   * Runs `work` in one transaction under `scope`. The opening and the first statements of `work` travel together, so a
   * read costs one round trip. Of a read they leave when its work first waits, be it for nothing; else when nothing is left to
   * do. A unit that lost against another one (serialisation, deadlock) runs again from its start.
   * @throws CommonplaceError UNAVAILABLE when Postgres cannot be reached or does not answer in time.
   */
  async unit<Result>(scope: UnitScope, work: (unit: Unit) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.runOnce(scope, work);
      } catch (error) {
        if (attempt < MAX_ATTEMPTS && isRetryable(error)) continue;
        throw translate(error);
      }
    }
  }

  /**
   * A statement of the service itself, as the role that connected: for the job queue and for health. Never for callers.
   * @param timeoutMs its connection is closed when Postgres has not answered by then
   */
  async maintenance<Row extends pg.QueryResultRow>(
    text: string,
    values: unknown[] = [],
    timeoutMs?: number,
  ): Promise<{ rows: Row[]; rowCount: number }> {
    const statement = { text, values, query_timeout: timeoutMs };
    const result = await this.pool.query<Row>(statement);
    return { rows: result.rows, rowCount: result.rowCount ?? 0 };
  }

  /** The embedded database as one file; tests begin from it. */
  async dump(): Promise<Uint8Array> {
    if (!this.embedded) throw new CommonplaceError('INTERNAL', 'only the embedded database can be dumped this way');
    return this.embedded.dump();
  }

  async close(): Promise<void> {
    await this.upkeep?.stop();
    await this.source.destroy();
    await this.embedded?.close();
    this.lock?.release();
  }

  /** The statement that meets a lost connection tells of it; an 'error' that nobody hears would end the whole broker. */
  private listenForLosses(): void {
    const { pool } = this;
    const heard = new WeakSet<pg.PoolClient>();
    pool.on('acquire', (client) => {
      if (heard.has(client)) return;
      heard.add(client);
      client.on('error', () => this.incarnation++);
    });
    // With none left, nobody would hear of it.
    pool.on('remove', () => {
      if (pool.totalCount === 0) this.incarnation++;
    });
  }

  private get pool(): pg.Pool {
    return (this.source.driver as unknown as { master: pg.Pool }).master;
  }

  private async runOnce<Result>(scope: UnitScope, work: (unit: Unit) => Promise<Result>): Promise<Result> {
    const place = await (scope.pipeline ?? new Pipeline()).enter(this.pool);
    const { leave } = place;
    const send = sendTogether(place.client);
    const unit = new ClientUnit(this.source, place, send);
    try {
      const [begun, opened] = unit.open(scope);
      const working = work(unit);
      // A read may have much to do between two statements; Postgres begins with the first meanwhile.
      if (scope.readOnly) send();
      // The opening's failure is the cause of all that fails behind it, so it is the one to tell.
      const [beginning, opening, outcome] = await Promise.allSettled([begun, opened, working]);
      for (const result of [beginning, opening, outcome]) if (result.status === 'rejected') throw result.reason;
      // Behind it the next unit on the connection is sent, in their order; what a read has answered does not depend on it.
      const ended = unit.commit();
      const { value } = outcome as PromiseFulfilledResult<Result>;
      if (scope.readOnly && !unit.failed) {
        ended.catch(nothing);
        leave();
        return value;
      }
      const { command } = await ended;
      // Postgres answers so, without an error, where a statement failed and the work went on: nothing was stored.
      if (command === 'ROLLBACK')
        throw new Error('The unit was rolled back: one of its statements failed, and its work did not say so.');
      leave();
      return value;
    } catch (error) {
      await unit.rollback().then(
        () => leave(),
        (failure: Error) => {
          this.incarnation++;
          leave(failure);
        },
      );
      throw error;
    }
  }
}

/** Asked again and again rather than waited for, so that the wait has an end. */
async function takeMigrationLock(runner: QueryRunner): Promise<void> {
  const end = Date.now() + MIGRATION_WAIT_MS;
  for (;;) {
    const [row] = (await runner.query('select pg_try_advisory_lock($1) as taken', [MIGRATION_LOCK])) as {
      taken: boolean;
    }[];
    if (row?.taken) return;
    if (Date.now() > end)
      throw new CommonplaceError(
        'UNAVAILABLE',
        'Another process has been migrating the database for ten minutes. See what it waits for.',
      );
    await new Promise((done) => setTimeout(done, MIGRATION_POLL_MS));
  }
}

function needsRights(cause: unknown): CommonplaceError {
  const message = `The migration may not do this: ${(cause as Error).message}. The user of DATABASE_URL must own the database and be able to create roles (CREATEROLE); where pgvector is not a trusted extension, a superuser first runs: create extension vector; create extension btree_gin;`;
  return new CommonplaceError('UNAVAILABLE', message, {}, { cause });
}
