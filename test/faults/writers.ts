import type { Database } from '#platform';
import type { Answer, TestClient } from '../support/api.js';

export interface Input {
  content: string;
  pool: string;
  idempotencyKey: string;
  type: 'EPISODIC';
}

interface Stored {
  memory: { id: string; content: string };
}

/** Of everything that a writer sent: the ids of what was acknowledged, by content, and what was not. */
export interface Sent {
  acknowledged: Map<string, string>;
  inputs: Input[];
}

const STORED = 'outcome memory { id content }';
const ONE = `mutation ($input: MemorizeInput!) { memorize(input: $input) { ${STORED} } }`;
const MANY = `mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { ${STORED} } failures { index code } } }`;

/** Writes for ever: single memories and batches in turn, each with an idempotency key, no two alike. */
export class Writer {
  readonly sent: Sent = { acknowledged: new Map(), inputs: [] };
  /** Codes of all failures that the broker told. */
  readonly codes: string[] = [];
  private made = 0;
  private stopped = false;

  constructor(
    private readonly name: string,
    private readonly client: TestClient,
    private readonly pools: readonly string[],
  ) {}

  /** Ends when `stop` was called, or when the broker is gone. */
  async writeUntilTheEnd(): Promise<void> {
    for (let turn = 0; !this.stopped; turn++) {
      const inputs = Array.from({ length: turn % 2 === 0 ? 1 : 7 }, () => this.next());
      this.sent.inputs.push(...inputs);
      const answer = await this.send(inputs).catch(() => undefined);
      if (!answer) return;
      this.note(answer);
    }
  }

  stop(): void {
    this.stopped = true;
  }

  /** Sends everything once more, as a client does that does not know what became of it. */
  async sendAllAgain(client: TestClient): Promise<void> {
    const again = client.as(this.client.key);
    for (let from = 0; from < this.sent.inputs.length; from += 50) {
      const inputs = this.sent.inputs.slice(from, from + 50);
      const { memorizeMany } = await again.ask<{ memorizeMany: { results: Stored[]; failures: unknown[] } }>(MANY, {
        inputs,
      });
      if (memorizeMany.failures.length) throw new Error(JSON.stringify(memorizeMany.failures));
      for (const { memory } of memorizeMany.results) {
        const known = this.sent.acknowledged.get(memory.content) ?? memory.id;
        if (known !== memory.id) throw new Error(`${memory.content} was ${known} and is ${memory.id}`);
        this.sent.acknowledged.set(memory.content, memory.id);
      }
    }
  }

  private send(inputs: Input[]): Promise<Answer> {
    return inputs.length === 1 ? this.client.send(ONE, { input: inputs[0] }) : this.client.send(MANY, { inputs });
  }

  private note({ data, errors }: Answer): void {
    const { memorize, memorizeMany } = (data ?? {}) as {
      memorize?: Stored;
      memorizeMany?: { results: Stored[]; failures: { code: string }[] };
    };
    const stored = memorize ? [memorize] : (memorizeMany?.results ?? []);
    for (const { memory } of stored) this.sent.acknowledged.set(memory.content, memory.id);
    this.codes.push(...(errors ?? []).map((error) => error.extensions.code));
    this.codes.push(...(memorizeMany?.failures ?? []).map((failure) => failure.code));
  }

  private next(): Input {
    const number = this.made++;
    const pool = this.pools[number % this.pools.length] as string;
    const content = `${this.name} noted finding number ${number}`;
    return { content, pool, idempotencyKey: content, type: 'EPISODIC' };
  }
}

/** Every memory that is stored: its ids by content. More than one id is a memory that was stored twice. */
export async function storedMemories(admin: TestClient): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  let after: string | null = null;
  do {
    const query = `query ($after: String) { memories(first: 100, after: $after, filter: {statuses: [ACTIVE, PROPOSED]}) {
      nodes { id content } pageInfo { hasNextPage endCursor } } }`;
    const page: {
      memories: { nodes: { id: string; content: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    } = await admin.ask(query, { after });
    const { nodes, pageInfo } = page.memories;
    for (const { id, content } of nodes) found.set(content, [...(found.get(content) ?? []), id]);
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after);
  return found;
}

export interface PoolLog {
  events: number;
  least: number;
  most: number;
  seq: number;
  memories: number;
}

/** Of each pool that has any: how many events there are, and what numbers they bear. */
export async function eventLogs(database: Database): Promise<PoolLog[]> {
  const { rows } = await database.maintenance<PoolLog & Record<string, unknown>>(
    `select count(e.seq) as events, min(e.seq) as least, max(e.seq) as most, p.seq, count(distinct e.memory_id) as memories
     from pool p join memory_event e on e.org_id = p.org_id and e.pool_id = p.pool_id group by p.org_id, p.pool_id, p.seq`,
  );
  return rows;
}
