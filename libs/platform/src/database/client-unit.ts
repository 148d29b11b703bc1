import type pg from 'pg';
import type { Duplex } from 'node:stream';
import type { DataSource, EntityTarget, ObjectLiteral, QueryRunner, Repository } from 'typeorm';
import type { Statement, Unit, UnitScope } from './database.js';
import { sendQuery } from './send-query.js';
import { keptName } from './kept-statements.js';
import type { Place } from './pipeline.js';

/** Of a statement whose answer never comes, as from a host that fell silent: Postgres itself gives up before. */
const ANSWER_TIMEOUT_MS = 20_000;

/** Of a unit behind another: all that one may take comes first. */
const ANSWER_BEHIND_TIMEOUT_MS = 4 * ANSWER_TIMEOUT_MS;

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
  private readonly client: pg.PoolClient;
  private readonly timeoutMs: number;

  constructor(
    private readonly source: DataSource,
    private readonly place: Place,
    private readonly send: () => void,
  ) {
    this.client = place.client;
    this.timeoutMs = place.isBehind ? ANSWER_BEHIND_TIMEOUT_MS : ANSWER_TIMEOUT_MS;
  }

  /** In front of all others, with the beginning of the transaction; what it answers is for nobody. */
  open(scope: UnitScope): Promise<unknown>[] {
    return [begin(this.client, scope, this.timeoutMs), sendStatement(this.client, scope.opening, this.timeoutMs)];
  }

  async query<Row extends pg.QueryResultRow>(statement: Statement, timeoutMs = this.timeoutMs): Promise<Row[]> {
    this.refuseBehindLast();
    this.planAs(statement.plan ?? 'usual');
    try {
      return (await sendStatement<Row>(this.client, statement, timeoutMs)).rows;
    } catch (error) {
      this.failed = true;
      throw error;
    }
  }

  async queryLast<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]> {
    this.refuseBehindLast();
    // Those send their statements when they like.
    if (this.runner) throw new Error('A unit that has used entities ends when its work does.');
    // What holds a unit's beginning together may have sent it long ago.
    const send = sendTogether(this.client);
    const rows = this.query<Row>(statement, 2 * this.timeoutMs);
    // Where the statement fails, this rolls back, and the statement's failure is the one to tell.
    this.commit().catch(nothing);
    send();
    this.send();
    this.place.hasSentAll();
    return rows;
  }

  /** Once, however often it is asked for. Behind a last statement it is sent when that is, and may take as long besides. */
  commit(): Promise<pg.QueryResult> {
    this.commitSent ??= sendQuery(this.client, { text: 'commit' }, 3 * this.timeoutMs);
    return this.commitSent;
  }

  /**
   * Nothing is left to undo where Postgres has answered the commit, be it by rolling back. Where it has not, a rollback could meet
   * the transaction of a unit behind this one.
   * @throws what says that the connection cannot be used any more
   */
  async rollback(): Promise<void> {
    if (this.commitSent) await this.commitSent;
    else await sendQuery(this.client, { text: 'rollback' }, this.timeoutMs);
  }

  private refuseBehindLast(): void {
    if (this.commitSent) throw new Error('The unit has sent its last statement: this one would be outside of it.');
  }

  /** In front of the next statement, for the unit alone; where it fails, so does that. A savepoint would undo it unseen. */
  private planAs(mode: keyof typeof PLAN_MODE): void {
    if (mode === this.plan) return;
    this.plan = mode;
    sendQuery(this.client, { text: PLAN_MODE[mode] }, this.timeoutMs).catch(nothing);
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

function begin(
  client: pg.PoolClient,
  { role, readOnly, lockTimeoutMs }: UnitScope,
  timeoutMs: number,
): Promise<unknown> {
  const settings = [
    `role ${role}`,
    `statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
    `idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`,
    ...(lockTimeoutMs === undefined ? [] : [`lock_timeout = ${lockTimeoutMs}`]),
  ];
  const text = ['begin' + (readOnly ? ' read only' : ''), ...settings.map((one) => `set local ${one}`)].join('; ');
  return sendQuery(client, { text }, timeoutMs);
}

/**
 * What is sent from now on until the code waits for something outside leaves in one write: the opening of a unit and its first
 * statement took three, each of them a call to the system.
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

function sendStatement<Row extends pg.QueryResultRow>(
  client: pg.PoolClient,
  { name, text, values, keep }: Statement,
  timeoutMs: number,
): Promise<pg.QueryResult<Row>> {
  return sendQuery(client, { name: name ?? (keep ? keptName(text) : undefined), text, values }, timeoutMs);
}
