import pg from 'pg';
import type { RawConnections } from './raw.repository.js';

export interface RawTables {
  orgId: string;
  poolIds: readonly string[];
}

/** In the shape of the broker's, with their indexes and checks; empty but for these pools. */
export async function createRawTables(raw: RawConnections, { orgId, poolIds }: RawTables): Promise<void> {
  await raw.query({ text: 'drop schema if exists bench cascade' });
  await raw.query({ text: 'create schema bench' });
  for (const table of ['memory', 'memory_event', 'pool'])
    await raw.query({ text: `create table bench.${table} (like public.${table} including all)` });
  const text = `insert into bench.pool (org_id, pool_id, key, kind) select $1, p, p::text, 'SHARED' from unnest($2::uuid[]) as p`;
  await raw.query({ text, values: [orgId, poolIds] });
}

export interface RawMemory {
  id: string;
  orgId: string;
  poolId: string;
  authorId: string;
  content: string;
  hash: Buffer;
  terms: string;
  termCount: number;
}

const COLUMNS =
  'org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, importance, author_id, changed_by, created_at, updated_at';

const ONE = `values ($1, $2, $3, 'EPISODIC', 'ACTIVE', $4, $5, $6, $7, 2, $8, $8, now(), now())`;

const MANY = `select o, i, p, 'EPISODIC', 'ACTIVE', c, h, t::tsvector, n, 2, a, a, now(), now()
  from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::integer[], $8::uuid[])
    as r (o, i, p, c, h, t, n, a)`;

const insert = (rows: string) => `insert into bench.memory (${COLUMNS}) ${rows}`;

/** Into one pool: counted there, and with the event by which those who follow the pool hear of each. */
const insertTold = (rows: string) => `
  with stored as (${insert(rows)} returning org_id, pool_id, memory_id),
    counted as (select org_id, pool_id, count(*)::integer as n from stored group by 1, 2),
    numbered as (
      update bench.pool p set seq = p.seq + c.n, memories = p.memories + c.n from counted c
      where (p.org_id, p.pool_id) = (c.org_id, c.pool_id) returning p.seq - c.n as before
    )
  insert into bench.memory_event (org_id, pool_id, seq, memory_id, kind, occurred_at, policy_version)
  select org_id, pool_id, before + row_number() over (), memory_id, 'MEMORIZED', clock_timestamp(), 1 from stored, numbered`;

const STATEMENTS = {
  row: {
    one: { name: 'raw_one', text: insert(ONE) },
    many: { name: 'raw_many', text: insert(MANY) },
  },
  told: {
    one: { name: 'raw_told_one', text: insertTold(ONE) },
    many: { name: 'raw_told_many', text: insertTold(MANY) },
  },
};

/** `row`: the memory alone. `told`: what a memory is in a pool that others follow. */
export type RawWrite = keyof typeof STATEMENTS;

const valuesOf = ({ orgId, id, poolId, content, hash, terms, termCount, authorId }: RawMemory) => [
  orgId,
  id,
  poolId,
  content,
  hash,
  terms,
  termCount,
  authorId,
];

/** In one statement, stored when it is answered. */
export async function insertRaw(
  raw: RawConnections,
  write: RawWrite,
  memories: readonly RawMemory[],
  worker: number,
): Promise<void> {
  const rows = memories.map(valuesOf);
  const { one, many } = STATEMENTS[write];
  const [first] = rows;
  if (first && rows.length === 1) await raw.query({ ...one, values: first }, worker);
  else await raw.query({ ...many, values: [0, 1, 2, 3, 4, 5, 6, 7].map((at) => rows.map((row) => row[at])) }, worker);
}

/** COPY of all in one go, by one connection. */
export async function copyAll(url: string, memories: readonly RawMemory[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const lines = Buffer.from(memories.map(copyLine).join(''));
  await new Promise<void>((resolve, reject) => {
    client.query(new CopyIn(`copy bench.memory (${COLUMNS}) from stdin`, lines, resolve, reject));
  });
  await client.end();
}

function copyLine({ orgId, id, poolId, content, hash, terms, termCount, authorId }: RawMemory): string {
  const now = new Date().toISOString();
  const escaped = (text: string) => text.replace(/[\\\t\n\r]/g, (one) => `\\${ESCAPES[one] ?? one}`);
  const fields = [orgId, id, poolId, 'EPISODIC', 'ACTIVE', escaped(content), `\\\\x${hash.toString('hex')}`];
  return `${[...fields, escaped(terms), termCount, 2, authorId, authorId, now, now].join('\t')}\n`;
}

const ESCAPES: Record<string, string> = { '\t': 't', '\n': 'n', '\r': 'r' };
const CHUNK = 64 * 1024;

interface CopyConnection {
  query: (text: string) => void;
  sendCopyFromChunk: (chunk: Buffer) => void;
  endCopyFrom: () => void;
}

/** What pg submits instead of a query; pg itself knows the messages of COPY and has no call for them. */
class CopyIn implements pg.Submittable {
  constructor(
    private readonly text: string,
    private readonly lines: Buffer,
    private readonly resolve: () => void,
    private readonly reject: (error: Error) => void,
  ) {}

  submit(connection: pg.Connection): void {
    (connection as unknown as CopyConnection).query(this.text);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    for (let from = 0; from < this.lines.length; from += CHUNK) {
      connection.sendCopyFromChunk(this.lines.subarray(from, from + CHUNK));
    }
    connection.endCopyFrom();
  }

  handleError(error: Error): void {
    this.reject(error);
  }

  handleReadyForQuery(): void {
    this.resolve();
  }

  handleCommandComplete(): void {
    // The end is told by what follows it.
  }
}
