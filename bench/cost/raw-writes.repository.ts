import pg from 'pg';
import type { RawConnections } from './raw.repository.js';

/** An empty table in the shape of `memory`, with its indexes and checks. */
export async function createRawTable(raw: RawConnections): Promise<void> {
  await raw.query({ text: 'create schema if not exists bench' });
  await raw.query({ text: 'drop table if exists bench.memory' });
  await raw.query({ text: 'create table bench.memory (like public.memory including all)' });
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

const INSERT_ONE = {
  name: 'raw_one',
  text: `insert into bench.memory (${COLUMNS}) values ($1, $2, $3, 'EPISODIC', 'ACTIVE', $4, $5, $6, $7, 2, $8, $8, now(), now())`,
};

const INSERT_MANY = {
  name: 'raw_many',
  text: `insert into bench.memory (${COLUMNS})
    select o, i, p, 'EPISODIC', 'ACTIVE', c, h, t::tsvector, n, 2, a, a, now(), now()
    from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::integer[], $8::uuid[])
      as r (o, i, p, c, h, t, n, a)`,
};

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

/** A statement of its own, stored when it is answered. */
export async function insertOne(raw: RawConnections, memory: RawMemory, worker: number): Promise<void> {
  await raw.query({ ...INSERT_ONE, values: valuesOf(memory) }, worker);
}

/** All in one statement. */
export async function insertMany(raw: RawConnections, memories: readonly RawMemory[], worker: number): Promise<void> {
  const rows = memories.map(valuesOf);
  await raw.query({ ...INSERT_MANY, values: [0, 1, 2, 3, 4, 5, 6, 7].map((at) => rows.map((row) => row[at])) }, worker);
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
