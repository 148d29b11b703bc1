import { BrokerError, describeError, type BrokerClient } from '../broker-client.js';
import { AUDIT_LOG, EXPLAIN, MEMORIZE, MEMORY_BY_ID, PROMOTE, RECALL, REVIEW, REVISE, VIEWER } from './documents.js';
import { type DemoHit, type DemoMemory, type MemorizePayload } from './documents.js';
import { type Played } from './player.js';
import { type StoryRole } from './step.js';
import { type Member, type Team } from './team.js';
import { type Terminal } from './terminal.js';

/** What came of an attempt; `denied` also where the answer is as if there were nothing. */
interface Result {
  denied: boolean;
  /** Something less than was tried was done. */
  instead?: boolean;
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

/** A pool that is not the caller's to use is a bad input, as one that does not exist. */
const DENIALS = new Set(['FORBIDDEN', 'NOT_FOUND', 'BAD_INPUT', 'UNAUTHENTICATED']);

const PROPOSAL = 'on Belgian bank holidays the ERP bridge books with the date of the next working day.';

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
    act: async ({ client, name }, played) => {
      // New words in every run: each run shows a proposal that is still to be decided on.
      const payload = await memorize(client, `Noted by ${name}: ${PROPOSAL}`, 'shared');
      if (payload.outcome === 'PROPOSED') played.proposed++;
      played.memories.set('attempted-proposal', payload.memory);
      return memorized(payload);
    },
    about: { action: 'WRITE', pool: 'shared' },
  },
  {
    role: 'coder',
    tries: 'to approve that proposal itself',
    act: (member, played) => decide(member, played, true),
    about: { action: 'REVIEW', pool: 'shared' },
  },
  {
    role: 'reviewer',
    tries: 'to decide on it in the coder’s place',
    act: (member, played) => decide(member, played, false),
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
    role: 'reviewer',
    tries: 'to promote the coder’s how-to into shared, where planners would read it',
    act: async ({ client }, played) => {
      const variables = { id: idOf(played, 'replay-day'), toPool: 'shared' };
      const { promote } = await client.request<{ promote: MemorizePayload }>(PROMOTE, variables);
      return memorized(promote);
    },
    about: { action: 'REVIEW', pool: 'coder' },
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

export interface Tried {
  denied: number;
  /** Answers that are no denials, such as of a broker that is older than this demo. */
  problems: string[];
}

/** Tries what the default policy forbids, and tells the answers and the reasons. */
export async function tryTheForbidden(
  team: Team,
  played: Played,
  admin: BrokerClient,
  terminal: Terminal,
): Promise<Tried> {
  const tried: Tried = { denied: 0, problems: [] };
  for (const attempt of ATTEMPTS) {
    const { role, tries, about } = attempt;
    try {
      const result = await attempt.act(team[role], played).catch(asDenial);
      if (result.denied) tried.denied++;
      terminal.line(`${mark(result, terminal)}  ${role} tries ${tries}`);
      terminal.paragraph(`answer: ${result.says}`, 9);
      if (about) terminal.paragraph(`why: ${await reasonFor(admin, team[role], about)}`, 9);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      tried.problems.push(`the ${role} tried ${tries}: ${describeError(error)}`);
    }
  }
  return tried;
}

function mark({ denied, instead }: Result, terminal: Terminal): string {
  if (denied) return terminal.style('red', 'denied ');
  return instead ? terminal.style('yellow', 'instead') : terminal.style('green', 'allowed');
}

function asDenial(error: unknown): Result {
  if (!(error instanceof BrokerError) || !DENIALS.has(error.code)) throw error;
  return { denied: true, says: describeError(error) };
}

async function reasonFor(
  admin: BrokerClient,
  member: Member,
  about: { action: string; pool?: string },
): Promise<string> {
  const input = { principalId: member.id, ...about };
  const { explainAccess } = await admin.request<{ explainAccess: { reason: string } }>(EXPLAIN, { input });
  return explainAccess.reason;
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
  const instead = outcome === 'PROPOSED' || memory.status === 'PROPOSED';
  return { denied: false, instead, says: `${outcome}: ${meaning[outcome]}` };
}

async function recall(client: BrokerClient, query: string, pool: string): Promise<DemoHit[]> {
  const input = { query, pools: [pool], limit: 3 };
  return (await client.request<{ recall: { hits: DemoHit[] } }>(RECALL, { input })).recall.hits;
}

const recalled = (hits: DemoHit[]): Result =>
  hits.length > 0
    ? { denied: false, says: `was shown: ${hits[0]?.memory.content}` }
    : { denied: true, says: 'no hits, as if the pool were empty' };

async function decide({ client }: Member, played: Played, approve: boolean): Promise<Result> {
  const variables = {
    id: idOf(played, 'attempted-proposal'),
    approve,
    comment: approve ? null : 'Not true of all banks.',
  };
  const { review } = await client.request<{ review: DemoMemory }>(REVIEW, variables);
  return { denied: false, says: `the proposal is ${review.status} now` };
}

/** Changes nothing even where a policy allows it. */
async function reviseAsItIs(client: BrokerClient, played: Played, step: string): Promise<Result> {
  const memory = played.memories.get(step);
  const input = { id: idOf(played, step), expectedVersion: memory?.version ?? 1, content: memory?.content };
  const { revise } = await client.request<{ revise: DemoMemory }>(REVISE, { input });
  return { denied: false, says: `is version ${revise.version} now` };
}

const idOf = (played: Played, step: string): string =>
  played.memories.get(step)?.id ?? '00000000-0000-7000-8000-000000000000';
