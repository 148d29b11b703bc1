import type { Database } from '#platform';
import type pg from 'pg';

/** A statement that did something else where row-level security was down. */
export interface Difference {
  statement: string;
  /** Rows, and how many were found or changed; or the code of the failure. */
  behindBothWalls: string[];
  withTheWhereAlone: string[];
}

/** As units of work send their statements. */
interface Query {
  text: string;
  values?: unknown[];
  submit: unknown;
  callback: (error: Error | null, result: pg.QueryResult) => void;
}
type Asked = string | { text: string; values?: unknown[] } | Query;

/** What begins and ends a unit has no WHERE, and the job queue's tables are of no organisation. */
const NOT_LOOKED_AT = /^\s*(begin|commit|rollback|set)\b|\bjob\./i;
const RECENT_MS = 600_000;
const nothing = () => undefined;

/**
 * Runs each statement of each unit twice in its transaction: first as the superuser that connected, for whom there is no
 * row-level security, which is then rolled back; and then as it would have run. Where the WHERE is a whole wall by itself,
 * both see, count and change the same.
 */
export class SecondLook {
  private readonly differences: Difference[] = [];
  private readonly looking = new Set<Promise<void>>();

  private constructor() {}

  static at(database: Database): SecondLook {
    const look = new SecondLook();
    const { pool } = database as unknown as { pool: pg.Pool };
    const connect = pool.connect.bind(pool) as (callback?: unknown) => Promise<pg.PoolClient>;
    // With a callback it is the pool itself that asks, for maintenance.
    const watched = (callback?: unknown) => (callback ? connect(callback) : connect().then((one) => look.watch(one)));
    Object.assign(pool, { connect: watched });
    return look;
  }

  /** The differences since it was last asked. */
  async found(): Promise<Difference[]> {
    while (this.looking.size > 0) await Promise.all(this.looking);
    return this.differences.splice(0);
  }

  private watch(client: pg.PoolClient): pg.PoolClient {
    const query = (asked: Asked, values?: unknown[]) => this.twice(client, asked, values);
    return new Proxy(client, {
      get: (target, name) => {
        if (name === 'query') return query;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
  }

  private twice(client: pg.PoolClient, asked: Asked, values?: unknown[]): Promise<pg.QueryResult> {
    const ask = client.query.bind(client) as (asked: Asked, values?: unknown[]) => Promise<pg.QueryResult>;
    const send = (one: Asked) => {
      if (typeof one === 'string' || !('submit' in one)) return ask(one, values);
      const answer = answerOf(one);
      void ask(one);
      return answer;
    };
    const statement = typeof asked === 'string' ? { text: asked, values } : { text: asked.text, values: asked.values };
    if (NOT_LOOKED_AT.test(statement.text)) return ask(asked, values);
    ask('savepoint second_look; set local role none').catch(nothing);
    const alone = ask(statement);
    ask('rollback to savepoint second_look; release savepoint second_look').catch(nothing);
    const behind = send(asked);
    const compared = this.compare(statement.text, alone, behind).finally(() => this.looking.delete(compared));
    this.looking.add(compared);
    return behind;
  }

  private async compare(statement: string, alone: Promise<pg.QueryResult>, behind: Promise<pg.QueryResult>) {
    const [alones, behinds] = [await outcome(alone), await outcome(behind)];
    const [withTheWhereAlone, behindBothWalls] = [without(alones, behinds), without(behinds, alones)];
    if (withTheWhereAlone.length + behindBothWalls.length > 0)
      this.differences.push({ statement, behindBothWalls, withTheWhereAlone });
  }
}

function answerOf(query: Query): Promise<pg.QueryResult> {
  const { callback } = query;
  return new Promise((resolve, reject) => {
    query.callback = (error, result) => {
      callback(error, result);
      if (error) reject(error);
      else resolve(result);
    };
  });
}

function outcome(asked: Promise<pg.QueryResult>): Promise<string[]> {
  return asked.then(
    ({ rowCount, rows }) => [`${rowCount} rows`, ...rows.map((row) => JSON.stringify(row, withoutClock))],
    (error: { code?: unknown }) => [`failed with ${String(error.code)}`],
  );
}

/** What the first has and the second has not, in whatever order: not every statement orders its rows. */
function without(some: readonly string[], others: readonly string[]): string[] {
  const rest = [...others];
  return some.filter((one) => {
    const place = rest.indexOf(one);
    if (place >= 0) rest.splice(place, 1);
    return place < 0;
  });
}

const SNAPSHOT = /^\d+:\d+:[\d,]*$/;

/** Clocks go on between the two, and so do the transactions of the whole server. */
function withoutClock(_: string, value: unknown): unknown {
  if (typeof value === 'string' && SNAPSHOT.test(value)) return 'a snapshot';
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT/.test(value)) return value;
  return Math.abs(Date.now() - Date.parse(value)) < RECENT_MS ? 'now' : value;
}
