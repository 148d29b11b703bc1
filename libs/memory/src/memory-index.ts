import type { AccessService } from '#access';
import { EmbedderError, type Embedder } from '#embedding';
import { newId } from '#kernel';
import type { Unit } from '#platform';
import type { IndexSpace } from './memory.repository.js';

export interface Vector {
  memoryId: string;
  poolId: string;
  embedding: number[];
}

/** Where the vectors of one model with one dimension live, and who makes them. Without an embedder there is none. */
export class MemoryIndex {
  private readonly spaces = new Map<number, Promise<string>>();

  constructor(
    private readonly access: AccessService,
    readonly embedder: Embedder | undefined,
  ) {}

  get configured(): boolean {
    return this.embedder !== undefined;
  }

  /** The space of the model's vectors, once one was seen; null before, and without an embedder. */
  async space(): Promise<IndexSpace | null> {
    if (!this.embedder) return null;
    const [known] = this.spaces.values();
    if (known) return { spaceId: await known };
    const [stored] = await this.access.system('find embedding space', (unit) => findSpaces(unit, this.access.orgId, this.embedder?.model as string));
    if (!stored) return { spaceId: NO_SPACE };
    this.spaces.set(stored.dimensions, Promise.resolve(stored.spaceId));
    return { spaceId: stored.spaceId };
  }

  /** Vectors of the texts, or null where the embedder failed: a memory is stored without, and found by its words meanwhile. */
  async embed(texts: readonly string[]): Promise<number[][] | null> {
    if (!this.embedder || texts.length === 0) return null;
    try {
      const vectors = await this.embedder.embed(texts);
      await this.spaceFor(vectors[0]?.length ?? 0);
      return vectors;
    } catch (error) {
      if (error instanceof EmbedderError) return null;
      throw error;
    }
  }

  private spaceFor(dimensions: number): Promise<string> {
    const known = this.spaces.get(dimensions);
    if (known) return known;
    const made = this.access.system('make embedding space', (unit) => makeSpace(unit, this.access.orgId, this.embedder?.model as string, dimensions));
    this.spaces.set(dimensions, made);
    made.catch(() => this.spaces.delete(dimensions));
    return made;
  }
}

/** Matches no row: what is asked for before the first vector was made. */
const NO_SPACE = '00000000-0000-0000-0000-000000000000';

function findSpaces(unit: Unit, orgId: string, model: string): Promise<{ spaceId: string; dimensions: number }[]> {
  const text = `select space_id as "spaceId", dimensions from embedding_space where org_id = $1 and model = $2 order by created_at desc limit 1`;
  return unit.query({ text, values: [orgId, model] });
}

async function makeSpace(unit: Unit, orgId: string, model: string, dimensions: number): Promise<string> {
  const text = `insert into embedding_space (org_id, space_id, model, dimensions) values ($1, $2, $3, $4)
    on conflict (org_id, model, dimensions) do update set model = excluded.model returning space_id as "spaceId"`;
  const [row] = await unit.query<{ spaceId: string }>({ text, values: [orgId, newId(), model, dimensions] });
  return (row as { spaceId: string }).spaceId;
}

/** Stores the vectors; a memory that was forgotten or has one meanwhile is left as it is. */
export async function insertVectors(unit: Unit, orgId: string, spaceId: string, vectors: readonly Vector[]): Promise<void> {
  const text = `insert into memory_vector (org_id, space_id, memory_id, pool_id, embedding)
    select $1, $2, v.memory_id, v.pool_id, v.embedding::halfvec
    from unnest($3::uuid[], $4::uuid[], $5::text[]) as v (memory_id, pool_id, embedding)
    join memory m on m.org_id = $1 and m.memory_id = v.memory_id and m.content is not null
    on conflict (org_id, space_id, memory_id) do nothing`;
  const values = [orgId, spaceId, vectors.map((v) => v.memoryId), vectors.map((v) => v.poolId), vectors.map((v) => JSON.stringify(v.embedding))];
  await unit.query({ text, values });
}
