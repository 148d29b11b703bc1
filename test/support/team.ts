import type { TestApi, TestClient } from './api.js';
import { allow, editPolicy } from './policy.js';

/** Somebody with a key. */
export interface Member {
  name: string;
  id: string;
  role: string;
  client: TestClient;
}

/** Two agents have a pool of their own; the role intern was added, and no statement names it. */
export const ROLE_OF: Record<string, string> = {
  planner: 'planner',
  coder: 'coder',
  reviewer: 'reviewer',
  tester: 'tester',
  annie: 'coder',
  ben: 'tester',
  intern: 'intern',
};
const WITH_A_PRIVATE_POOL = ['annie', 'ben'];

export const POOLS = ['shared', 'planner', 'coder', 'reviewer', 'tester', 'intern', 'annie', 'ben'] as const;

/**
 * What the default policy gives, by hand from the table in the design, and with no line of the product. A pool is named
 * after the role or the agent that it belongs to.
 */
export function mayDo({ name, role }: { name: string; role: string }, pool: string): string[] {
  const isPrivate = WITH_A_PRIVATE_POOL.includes(pool);
  if (role === 'admin') return isPrivate ? ['ADMINISTER'] : ['READ', 'REVIEW', 'CONSOLIDATE', 'ADMINISTER'];
  if (role === 'intern') return [];
  if (pool === role || (isPrivate && pool === name)) return ['READ', 'WRITE', 'REVISE', 'FORGET'];
  if (pool === 'shared') {
    if (role === 'planner') return ['READ', 'WRITE'];
    if (role === 'reviewer') return ['READ', 'WRITE', 'REVIEW'];
    return ['READ', 'PROPOSE'];
  }
  if (role === 'coder' && pool === 'planner') return ['READ'];
  if (role === 'reviewer' && (pool === 'planner' || pool === 'coder')) return ['READ'];
  if (role === 'tester' && pool === 'coder') return ['READ'];
  return [];
}

export interface Team {
  members: Record<string, Member>;
  /** The key of a pool, by the name that the table has for it. */
  keyOf: (pool: string) => string;
}

export async function gatherTeam(api: TestApi): Promise<Team> {
  await api.admin.ask('mutation { createRole(input: {key: "intern"}) { key } }');
  const { viewer } = await api.admin.ask<{ viewer: { id: string } }>('{ viewer { id } }');
  const members: Record<string, Member> = { admin: { name: 'admin', id: viewer.id, role: 'admin', client: api.admin } };
  for (const [name, role] of Object.entries(ROLE_OF)) {
    const client = await api.agent(role, { privatePool: WITH_A_PRIVATE_POOL.includes(name) });
    members[name] = { name, id: client.id, role, client };
  }
  const keyOf = (pool: string) => (WITH_A_PRIVATE_POOL.includes(pool) ? `agent:${members[pool]?.id}` : pool);
  return { members, keyOf };
}

/** For once the planner may write into the interns' pool; afterwards the default policy holds again. */
export async function whilePlannersWriteForInterns<Result>(api: TestApi, work: () => Promise<Result>): Promise<Result> {
  await editPolicy(api.admin, (statements) => [
    ...statements,
    allow('planner', ['WRITE'], ['intern'], { id: 'for-once' }),
  ]);
  const result = await work();
  await editPolicy(api.admin, (statements) => statements.filter(({ id }) => id !== 'for-once'));
  return result;
}
