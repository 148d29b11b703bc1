import type { Duplex } from 'node:stream';
import pg from 'pg';
import { cpuSecondsOf } from '../feed/broker.js';
import type { Captured, Flights } from './capture.js';
import { tierOf, type Tier } from '../../libs/memory/src/vectors/vector-plan.js';

/** Connections of pg and nothing else: what the same SQL costs without a broker. */
export class RawConnections {
  private constructor(readonly clients: pg.Client[]) {}

  static async open(url: string, count: number): Promise<RawConnections> {
    const clients = Array.from(
      { length: count },
      () => new pg.Client({ connectionString: url, application_name: 'bench-raw', ...pipelined }),
    );
    await Promise.all(clients.map((client) => client.connect()));
    return new RawConnections(clients);
  }

  /** Every statement with its values, those of one flight without waiting for each other. @returns the rows of all */
  async replay(flights: Flights, worker: number): Promise<number> {
    const client = this.clients[worker] as pg.Client;
    let rows = 0;
    for (const flight of flights) {
      const answers = await Promise.all(flight.map((statement) => client.query({ ...statement })));
      for (const answer of answers) rows += answer.rowCount ?? 0;
    }
    return rows;
  }

  /** All in one write to the socket. @returns how many rows each answered */
  async sendTogether(statements: readonly Captured[], worker: number): Promise<number[]> {
    const client = this.clients[worker] as pg.Client;
    const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
    stream.cork();
    const sent = statements.map((statement) => client.query({ ...statement }));
    stream.uncork();
    return (await Promise.all(sent)).map(({ rowCount }) => rowCount ?? 0);
  }

  query<Row extends pg.QueryResultRow>(statement: Captured, worker = 0): Promise<pg.QueryResult<Row>> {
    return (this.clients[worker] as pg.Client).query<Row>({ ...statement });
  }

  /** Seconds of a processor that Postgres has used for the connections of the name, each of which has a process. */
  async postgresSeconds(applicationName: string): Promise<Map<number, number> | null> {
    const text = `select pid from pg_stat_activity where datname = current_database() and application_name = $1`;
    const { rows } = await this.query<{ pid: number }>({ name: 'pids', text, values: [applicationName] });
    try {
      return new Map(rows.map(({ pid }) => [pid, cpuSecondsOf(pid)]));
    } catch {
      // Postgres runs on another machine, or this one does not tell.
      return null;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.end()));
  }
}

/** Pools with vectors that are still to move to the index that suits their size. */
export async function countUnsettled(raw: RawConnections): Promise<number> {
  const text = `select memories, vector_tier as tier, vector_shared as shared from pool p
    where exists (select from embedding_space s where s.org_id = p.org_id)`;
  const { rows } = await raw.query<{ memories: number; tier: Tier; shared: boolean }>({ text });
  return rows.filter(({ memories, tier, shared }) => tierOf(memories, tier) !== tier || shared !== (tier === 'SHARED'))
    .length;
}

const pipelined = { pipeline: true } as pg.ClientConfig;

export type ExactScan = (vector: readonly number[], worker: number) => Promise<string[]>;

interface Place {
  orgId: string;
  spaceId: string;
  poolIds: string[];
}

/** Every vector of the pools compared, by hand and without the broker: the oracle, and the time to beat. */
export async function exactScanOf(raw: RawConnections, pools: readonly string[]): Promise<ExactScan> {
  const { rows } = await raw.query<Place>({
    text: `select p.org_id as "orgId", array_agg(p.pool_id)::text[] as "poolIds",
        (select s.space_id from embedding_space s where s.org_id = p.org_id order by created_at desc limit 1) as "spaceId"
      from pool p where p.key = any($1::text[]) group by p.org_id`,
    values: [pools],
  });
  const { orgId, spaceId, poolIds } = rows[0] as Place;
  // Without a name, so that each is planned for its pools: a plan for any pools reads all of the table.
  const text = `select m.content from (
      select org_id, memory_id, (embedding <=> $4::halfvec) + 0 as distance from memory_vector
      where org_id = $1 and space_id = $2 and pool_id = any($3::uuid[]) order by distance limit 10
    ) nearest join memory m on m.org_id = nearest.org_id and m.memory_id = nearest.memory_id order by nearest.distance`;
  return async (vector, worker) => {
    const values = [orgId, spaceId, poolIds, JSON.stringify(vector)];
    return (await raw.query<{ content: string }>({ text, values }, worker)).rows.map(({ content }) => content);
  };
}
