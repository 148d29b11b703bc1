import { type BrokerClient } from '../broker-client.js';
import { POOLS, REGISTER, REVOKE_KEY } from './documents.js';
import { STORY_ROLES, type StoryRole } from './step.js';

export interface Member {
  role: StoryRole;
  name: string;
  id: string;
  keyId: string;
  client: BrokerClient;
  /** The pools whose memories the broker says it may read. */
  readable: Set<string>;
}

export type Team = Record<StoryRole, Member>;

interface Registered {
  registerAgent: { agent: { id: string; name: string }; issuedKey: { key: { id: string }; secret: string } };
}

/** Four new agents, one of each role; the run's suffix keeps their names apart from those of other runs. */
export async function registerTeam(admin: BrokerClient, run: string): Promise<Team> {
  const members: [StoryRole, Member][] = [];
  for (const role of STORY_ROLES) members.push([role, await register(admin, role, `demo-${role}-${run}`)]);
  return Object.fromEntries(members) as Team;
}

export const membersOf = (team: Team): Member[] => STORY_ROLES.map((role) => team[role]);

/** Nobody has seen the keys, so nobody can miss them. */
export async function revokeKeys(admin: BrokerClient, team: Team): Promise<void> {
  for (const { keyId } of membersOf(team)) await admin.request(REVOKE_KEY, { id: keyId });
}

async function register(admin: BrokerClient, role: StoryRole, name: string): Promise<Member> {
  const { registerAgent } = await admin.request<Registered>(REGISTER, { input: { name, role } });
  const client = admin.as(registerAgent.issuedKey.secret);
  const { pools } = await client.request<{ pools: { key: string; allowedActions: string[] }[] }>(POOLS);
  const readable = pools.filter(({ allowedActions }) => allowedActions.includes('READ')).map(({ key }) => key);
  return {
    role,
    name,
    id: registerAgent.agent.id,
    keyId: registerAgent.issuedKey.key.id,
    client,
    readable: new Set(readable),
  };
}
