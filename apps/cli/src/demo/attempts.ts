import { BrokerError, describeError } from '../broker-client.js';
import { AUDIT_LOG, EXPLAIN, MEMORIZE, MEMORY_BY_ID, RECALL, REVIEW, REVISE, VIEWER } from './documents.js';
import { type DemoHit, type DemoMemory, type MemorizePayload } from './documents.js';
import { type Played } from './player.js';
import { type StoryRole } from './step.js';
import { type Member, type Team } from './team.js';
import { type Terminal } from './terminal.js';
import { type BrokerClient } from '../broker-client.js';

/** What came of an attempt; `denied` also where the answer is as if there were nothing. */
interface Result {
  denied: boolean;
  says: string;
}

interface Attempt {
  role: StoryRole;
  /** What it tries, to be read after the role. */
  tries: string;
  act: (member: Member, played: Played) => Promise<Result>;
  /** What an admin would ask explainAccess about it. */
  about?: { action: string; pool?: string };
}

const PROPOSAL = 'On Belgian bank holidays the ERP bridge books with the date of the next working day.';

const ATTEMPTS: readonly Attempt[] = [
  {
    role: 'tester',
    tries: 'to write into the planner’s pool',
    act: async ({ client }) => memorized(await memorize(client, 'The plan should have two more test days.', 'planner')),
    about: { action: 'WRITE', pool: 'planner' },
  },
  {
    role: 'tester',
    tries: 'to recall the contract’s penalty from the planner’s pool',
    act: async ({ client }) => recalled(await recall(client, 'penalty in the pilot contract', 'planner')),
    about: { action: 'READ', pool: 'planner' },
  },
  {
    role: 'tester',
    tries: 'to open that memory by its id',
    act: async ({ client }, played) => {
      const { memory } = await client.request<{ memory: DemoMemory | null }>(MEMORY_BY_ID, {
        id: idOf(played, 'penalty'),
      });
      return memory
        ? { denied: false, says: `was shown: ${memory.content}` }
        : { denied: true, says: 'null, as if it did not exist' };
    },
    about: { action: 'READ', pool: 'planner' },
  },
  {
    role: 'reviewer',
    tries: 'to recall from the tester’s pool',
    act: async ({ client }) => recalled(await recall(client, 'test runs and bugs', 'tester')),
    about: { action: 'READ', pool: 'tester' },
  },
  {
    role: 'coder',
    tries: 'to write into shared',
    act: async ({ client }, played) => {
      const payload = await memorize(client, PROPOSAL, 'shared');
      if (payload.outcome === 'PROPOSED') played.proposed++;
      if (payload.outcome === 'DUPLICATE') played.duplicates++;
      played.memories.set('attempted-proposal', payload.memory);
      return memorized(payload);
    },
    about: { action: 'WRITE', pool: 'shared' },
  },
  {
    role: 'coder',
    tries: 'to approve that proposal itself',
    act: async ({ client }, played) => {
      const id = idOf(played, 'attempted-proposal');
      const { review } = await client.request<{ review: DemoMemory }>(REVIEW, { id, approve: true });
      return { denied: false, says: `is ${review.status} now` };
    },
    about: { action: 'REVIEW', pool: 'shared' },
  },
  {
    role: 'coder',
    tries: 'to revise a plan that it may read',
    act: ({ client }, played) => reviseAsItIs(client, played, 'order-of-work'),
    about: { action: 'REVISE', pool: 'planner' },
  },
  {
    role: 'planner',
    tries: 'to revise its own memory in shared',
    act: ({ client }, played) => reviseAsItIs(client, played, 'scope'),
    about: { action: 'REVISE', pool: 'shared' },
  },
  {
    role: 'tester',
    tries: 'to read the audit log',
    act: async ({ client }) => {
      await client.request(AUDIT_LOG);
      return { denied: false, says: 'was shown the log' };
    },
    about: { action: 'ADMINISTER' },
  },
  {
    role: 'tester',
    tries: 'to come in with a key that was never issued',
    act: async ({ client }) => {
      await client.as('not-a-key-of-this-broker').request(VIEWER);
      return { denied: false, says: 'was let in' };
    },
  },
];

/** Tries what the default policy forbids, tells the answers and the reasons, and says how many were denied. */
export async function tryTheForbidden(
  team: Team,
  played: Played,
  admin: BrokerClient,
  terminal: Terminal,
): Promise<number> {
  let denied = 0;
  for (const attempt of ATTEMPTS) {
    const member = team[attempt.role];
    const result = await attempt.act(member, played).catch(asDenial);
    if (result.denied) denied++;
    const mark = result.denied ? 'denied ' : 'allowed';
    terminal.line(`${terminal.style(result.denied ? 'red' : 'green', mark)}  ${attempt.role} tries ${attempt.tries}`);
    terminal.paragraph(`answer: ${result.says}`, 9);
    if (attempt.about) terminal.paragraph(`why: ${await reasonFor(admin, member, attempt.about)}`, 9);
  }
  return denied;
}

function asDenial(error: unknown): Result {
  if (!(error instanceof BrokerError)) throw error;
  return { denied: true, says: describeError(error) };
}

async function reasonFor(
  admin: BrokerClient,
  member: Member,
  about: { action: string; pool?: string },
): Promise<string> {
  type Decision = { allowed: boolean; reason: string; decidedBy: { reason: string | null } | null };
  try {
    const input = { principalId: member.id, ...about };
    const { explainAccess } = await admin.request<{ explainAccess: Decision }>(EXPLAIN, { input });
    const statement = explainAccess.decidedBy?.reason;
    return statement ? `${explainAccess.reason} (statement: ${statement})` : explainAccess.reason;
  } catch (error) {
    return `not explained, ${describeError(error)}`;
  }
}

async function memorize(client: BrokerClient, content: string, pool: string): Promise<MemorizePayload> {
  const input = { content, pool, type: 'DECLARATIVE', entityId: 'project:invoice-import' };
  return (await client.request<{ memorize: MemorizePayload }>(MEMORIZE, { input })).memorize;
}

function memorized({ outcome, memory }: MemorizePayload): Result {
  const meaning = {
    CREATED: 'stored at once',
    DUPLICATE: `stands there already, as ${memory.status}`,
    PROPOSED: 'kept as a proposal that a reviewer decides on',
    QUARANTINED: 'held back by the write scan',
  };
  return { denied: false, says: `${outcome}: ${meaning[outcome]}` };
}

async function recall(client: BrokerClient, query: string, pool: string): Promise<DemoHit[]> {
  const input = { query, pools: [pool], limit: 3 };
  return (await client.request<{ recall: { hits: DemoHit[] } }>(RECALL, { input })).recall.hits;
}

const recalled = (hits: DemoHit[]): Result =>
  hits.length > 0
    ? { denied: false, says: `was shown: ${hits[0]?.memory.content}` }
    : { denied: true, says: 'no hits, as if the pool were empty' };

/** Changes nothing even where a policy allows it. */
async function reviseAsItIs(client: BrokerClient, played: Played, step: string): Promise<Result> {
  const memory = played.memories.get(step);
  const input = { id: idOf(played, step), expectedVersion: memory?.version ?? 1, content: memory?.content };
  const { revise } = await client.request<{ revise: DemoMemory }>(REVISE, { input });
  return { denied: false, says: `is version ${revise.version} now` };
}

const idOf = (played: Played, step: string): string =>
  played.memories.get(step)?.id ?? '00000000-0000-7000-8000-000000000000';
