import type pg from 'pg';
import type { Duplex } from 'node:stream';
import type { DataSource, EntityTarget, ObjectLiteral, QueryRunner, Repository } from 'typeorm';
import type { Statement, Unit, UnitScope } from './database.js';
import { keptName } from './kept-statements.js';

/** Of a statement whose answer never comes, as from a host that fell silent: Postgres itself gives up before. */
const ANSWER_TIMEOUT_MS = 20_000;

const STATEMENT_TIMEOUT_MS = 15_000;
const IDLE_TIMEOUT_MS = 60_000;

const PLAN_MODE = {
  usual: 'set local plan_cache_mode to default',
  generic: 'set local plan_cache_mode = force_generic_plan',
};

export const nothing = () => undefined;

/** A unit of work on its connection, whose transaction was begun by whoever made it. */
export class ClientUnit implements Unit {
  /** A statement failed: Postgres takes nothing more, whatever the work makes of it. */
  failed = false;
  private plan: keyof typeof PLAN_MODE = 'usual';
  private runner: QueryRunner | undefined;
  private commitSent: Promise<pg.QueryResult> | undefined;

  constructor(
    private readonly source: DataSource,
    private readonly client: pg.PoolClient,
    private readonly send: () => void,
  ) {}

  async query<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]> {
    this.refuseBehindLast();
    this.planAs(statement.plan ?? 'usual');
    try {
      return (await this.client.query<Row>(withDeadline(statement))).rows;
    } catch (error) {
      this.failed = true;
      throw error;
    }
  }

  async queryLast<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]> {
    // Those send their statements when they like.
    if (this.runner) throw new Error('A unit that has used entities ends when its work does.');
    const rows = this.query<Row>(statement);
    // Where the statement fails, this rolls back, and the statement's failure is the one to tell.
    this.commit().catch(nothing);
    this.send();
    return rows;
  }

  /** Once, however often it is asked for. Behind a last statement it is sent when that is, and may take as long besides. */
  commit(): Promise<pg.QueryResult> {
    this.commitSent ??= this.client.query(withDeadline({ text: 'commit' }, 2 * ANSWER_TIMEOUT_MS));
    return this.commitSent;
  }

  /** Nothing is left to undo where Postgres has answered the commit, be it by rolling back. */
  async rollback(): Promise<void> {
    const isOver = await this.commitSent?.then(
      () => true,
      () => false,
    );
    if (!isOver) await this.client.query(withDeadline({ text: 'rollback' }));
  }

  private refuseBehindLast(): void {
    if (this.commitSent) throw new Error('The unit has sent its last statement: this one would be outside of it.');
  }

  /** In front of the next statement, for the unit alone; where it fails, so does that. A savepoint would undo it unseen. */
  private planAs(mode: keyof typeof PLAN_MODE): void {
    if (mode === this.plan) return;
    this.plan = mode;
    this.client.query(withDeadline({ text: PLAN_MODE[mode] })).catch(nothing);
  }

  entities<Entity extends ObjectLiteral>(target: EntityTarget<Entity>): Repository<Entity> {
    this.refuseBehindLast();
    this.planAs('usual');
    // TypeORM's runner would take a second connection of its own: it is handed the unit's, where the transaction is.
    this.runner ??= Object.assign(this.source.createQueryRunner(), {
      databaseConnection: this.client,
      isTransactionActive: true,
    });
    return this.runner.manager.getRepository(target);
  }
}

export function begin(client: pg.PoolClient, { role, readOnly, lockTimeoutMs }: UnitScope): Promise<unknown> {
  const settings = [
    `role ${role}`,
    `statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
    `idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`,
    ...(lockTimeoutMs === undefined ? [] : [`lock_timeout = ${lockTimeoutMs}`]),
  ];
  return client.query(
    ['begin' + (readOnly ? ' read only' : ''), ...settings.map((one) => `set local ${one}`)].join('; '),
  );
}

/**
 * What is sent from now on until the code waits leaves in one write: the opening of a unit and its first statement took three,
 * each of them a call to the system.
 * @returns what sends it at once
 */
export function sendTogether(client: pg.PoolClient): () => void {
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
  stream.cork();
  let isHeld = true;
  const send = () => {
    if (isHeld) stream.uncork();
    isHeld = false;
  };
  process.nextTick(send);
  return send;
}

/** pg knows the option for one query too; its types only for a whole client. */
export function withDeadline({ name, text, values, keep }: Statement, timeoutMs = ANSWER_TIMEOUT_MS): Statement {
  const kept = name ?? (keep ? keptName(text) : undefined);
  return { name: kept, text, values, query_timeout: timeoutMs } as Statement;
}
