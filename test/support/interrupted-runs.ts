import { expect } from '@jest/globals';
import type { TestClient } from './api.js';
import { LONG_AGO } from './consolidated-pools.js';

/** What is given to runs that are interrupted, and what they leave: the same as if they had not been. */

export interface Turn {
  [field: string]: unknown;
  content: string;
}

/** Two turns of a session become one memory: a step of the plan each. */
export const turnsOf = (pool: string, sessions: number): Turn[] =>
  Array.from({ length: 2 * sessions }, (_, place) => {
    const sessionId = `session ${place >> 1}`;
    return { pool, type: 'EPISODIC', content: `turn ${place} of ${sessionId}`, sessionId, validFrom: LONG_AGO };
  });

const MANY = 'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { failures { message } } }';

/** Stores them, a hundred at a time. */
export async function store(client: TestClient, turns: readonly Turn[]): Promise<void> {
  for (let from = 0; from < turns.length; from += 100) {
    const inputs = turns.slice(from, from + 100);
    const { memorizeMany } = await client.ask<{ memorizeMany: { failures: unknown[] } }>(MANY, { inputs });
    expect(memorizeMany.failures).toEqual([]);
  }
}

interface Node {
  status: string;
  content: string | null;
  version: number;
  derivedFrom: { content: string | null; status: string }[];
  supersededBy: { content: string | null } | null;
}

/** What stands in a pool, without its ids and times. */
export async function endState(client: TestClient, pool: string): Promise<string[]> {
  const query = `query ($pool: String!, $after: String) {
    memories(filter: { pools: [$pool], statuses: [ACTIVE, ARCHIVED, SUPERSEDED, FORGOTTEN] }, first: 100, after: $after) {
      nodes { status content version derivedFrom { content status } supersededBy { content } } pageInfo { hasNextPage endCursor } } }`;
  const states: string[] = [];
  for (let after: string | null = null; ;) {
    const { memories }: { memories: { nodes: Node[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } =
      await client.ask(query, { pool, after });
    states.push(...memories.nodes.map((node) => JSON.stringify(node)));
    if (!memories.pageInfo.hasNextPage) return states.sort();
    after = memories.pageInfo.endCursor;
  }
}
