import type { TestClient } from './api.js';

export interface Statement {
  id?: string;
  effect: 'ALLOW' | 'DENY';
  roles: string[];
  actions: string[];
  pools: string[];
  where?: Record<string, unknown> | null;
  fields?: string[] | null;
  expiresAt?: string | null;
  reason?: string | null;
}

const ACTIVE = '{ policy { version statements { id effect roles actions pools where fields expiresAt reason } } }';
const ACTIVATE = 'mutation ($input: ActivatePolicyInput!) { activatePolicy(input: $input) { policy { version } } }';

/** The active policy. */
export async function activePolicy(admin: TestClient): Promise<{ version: number; statements: Statement[] }> {
  return (await admin.ask<{ policy: { version: number; statements: Statement[] } }>(ACTIVE)).policy;
}

/** Activates the active policy as `edit` leaves it. @returns the new version */
export async function editPolicy(admin: TestClient, edit: (statements: Statement[]) => Statement[]): Promise<number> {
  const { version, statements } = await activePolicy(admin);
  const input = { expectedVersion: version, statements: edit(statements) };
  const answer = await admin.ask<{ activatePolicy: { policy: { version: number } } }>(ACTIVATE, { input });
  return answer.activatePolicy.policy.version;
}

export const allow = (role: string, actions: string[], pools: string[], rest: Partial<Statement> = {}): Statement => ({
  effect: 'ALLOW',
  roles: [role],
  actions,
  pools,
  ...rest,
});

export const deny = (role: string, actions: string[], pools: string[], rest: Partial<Statement> = {}): Statement => ({
  ...allow(role, actions, pools, rest),
  effect: 'DENY',
});
