import type { AccessService } from '#access';
import { newId } from '#kernel';
import type { Statement, Unit } from '#platform';
import type { ReadScope } from '../../memory.repository.js';
import type { MemoryFilter } from '../../read/memory-filter.js';
import { PoolTerms } from '../../recall/term-index/pool-terms.js';
import type { TermRow } from '../../recall/term-index/term-index.repository.js';
import { KeptVectors } from './kept-vectors.js';

const [HALF, ONE, MINUS_ONE] = [0x3800, 0x3c00, 0xbc00];
/** As halves. The nearer to the question the first is. */
export const [NEAR, FAR, AWAY] = [
  [ONE, 0],
  [HALF, ONE],
  [MINUS_ONE, 0],
];
const QUESTION = [1, 0];

export const bytesOf = (halves: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 + 2 * halves.length);
  bytes.writeUInt16BE(halves.length, 0);
  halves.forEach((half, at) => bytes.writeUInt16BE(half, 4 + 2 * at));
  return bytes;
};

export const row = (poolId: string, id: string): TermRow =>
  ({
    id,
    poolId,
    status: 'ACTIVE',
    sessionId: null,
    speaker: null,
    labels: [],
    terms: '',
    length: 0,
  }) as unknown as TermRow;

interface Searching {
  spaceId?: string;
  readsWhole?: boolean;
  hides?: (id: string) => boolean;
}

/** Kept vectors over a database that has vectors and answers nothing else. */
export class FakeDatabase {
  /** What it has, by space and memory. */
  readonly stored: Record<string, Map<string, number[]>> = { space: new Map(), other: new Map() };
  /** The names of the statements that it was asked. */
  readonly asked: string[] = [];
  readonly errors: unknown[] = [];
  failing: Error | undefined;
  /** Reading in the background waits for it. */
  reading: Promise<unknown> | undefined;
  readonly kept: KeptVectors;

  constructor(megabytes: number) {
    this.kept = new KeptVectors(this.access(), megabytes, (error) => this.errors.push(error));
  }

  poolOf(poolId: string, vectors: readonly (readonly number[])[]): { pool: PoolTerms; ids: string[] } {
    const pool = new PoolTerms(poolId, '1:1:');
    const ids = vectors.map((vector) => {
      const id = newId();
      this.stored['space']?.set(id, [...vector]);
      return id;
    });
    pool.takeIn(ids.map((id) => row(poolId, id)));
    return { pool, ids };
  }

  /** A recall that has begun. @returns what goes on with it, and answers the ids of what is near; nothing where the database was to search */
  search(pools: readonly PoolTerms[], searching: Searching = {}): () => Promise<string[]> {
    const { spaceId = 'space', readsWhole = true, hides } = searching;
    const sql = { column: () => 'null', shows: () => 'true', where: () => 'true' };
    const narrowed = { ...sql, readsWhole: () => readsWhole, poolIds: pools.map(({ poolId }) => poolId) };
    const filter = { ...narrowed, narrow: () => filter } as unknown as ReadScope['filter'];
    const scope = { orgId: 'organisation', filter, now: new Date(), space: { spaceId } };
    const find = this.kept.near(this.unit, scope, pools, {
      wanted: { labels: [] as string[], entityId: null, sessionId: null, authorId: null } as unknown as MemoryFilter,
      vector: QUESTION,
    });
    const passageAt = (pool: PoolTerms, place: number) => {
      const passage = pool.passages[place];
      return passage && !hides?.(passage.id) ? passage : undefined;
    };
    return async () => {
      const near = await find({ passageAt, passageOf: () => undefined });
      return near.map(({ passage }) => passage.id);
    };
  }

  found(...of: Parameters<FakeDatabase['search']>): Promise<string[]> {
    return this.search(...of)();
  }

  /** Since it was asked for the last time. */
  wasSearched(): boolean {
    return this.asked.splice(0).includes('vector_placements');
  }

  async keepAll(pools: readonly PoolTerms[]): Promise<void> {
    await this.found(pools);
    await this.kept.settled();
    this.asked.length = 0;
  }

  private readonly unit = {
    query: ({ name = '', values = [] }: Statement) => {
      this.asked.push(name);
      if (name !== 'vectors_of') return Promise.resolve([]);
      if (this.failing) return Promise.reject(this.failing);
      const [, spaceId, , ids] = values as [string, string, string[], string[]];
      const found = ids.flatMap((id) => {
        const vector = this.stored[spaceId]?.get(id);
        return vector ? [{ id, vector: bytesOf(vector) }] : [];
      });
      return Promise.resolve(found);
    },
  } as unknown as Unit;

  private access(): AccessService {
    return {
      orgId: 'organisation',
      system: async (_: string, work: (of: Unit) => Promise<unknown>) => {
        await this.reading;
        return work(this.unit);
      },
    } as unknown as AccessService;
  }
}
