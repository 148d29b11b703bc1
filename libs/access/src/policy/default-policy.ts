import { type PolicyStatement } from './statement.js';
import { type Action } from './vocabulary.js';

/** The roles of a new organisation; each but admin comes with a ROLE pool of its key. */
export const BUILT_IN_ROLES = ['planner', 'coder', 'reviewer', 'tester', 'admin'] as const;

type BuiltInRole = (typeof BUILT_IN_ROLES)[number];

const KEEP: readonly Action[] = ['READ', 'WRITE', 'REVISE', 'FORGET'];

/** The statements of a new organisation's first version. */
export function defaultPolicy(): PolicyStatement[] {
  return [
    allow('planner-own', 'planner', KEEP, ['own'], 'Planners keep their own notes.'),
    allow(
      'planner-shared',
      'planner',
      ['READ', 'WRITE'],
      ['shared'],
      'Plans are for everybody, so planners write them straight into the shared pool.',
    ),
    allow('coder-own', 'coder', KEEP, ['own'], 'Coders keep their own notes.'),
    allow(
      'coder-shared',
      'coder',
      ['READ', 'PROPOSE'],
      ['shared'],
      'Coders read what is shared; what they add there waits for a reviewer.',
    ),
    allow('coder-planner', 'coder', ['READ'], ['planner'], 'Coders work from the plans.'),
    allow('reviewer-own', 'reviewer', KEEP, ['own'], 'Reviewers keep their own notes.'),
    allow(
      'reviewer-shared',
      'reviewer',
      ['READ', 'WRITE', 'REVIEW'],
      ['shared'],
      'Reviewers look after the shared pool and decide on proposals.',
    ),
    allow(
      'reviewer-work',
      'reviewer',
      ['READ'],
      ['planner', 'coder'],
      'A review compares what was planned with what was made.',
    ),
    allow('tester-own', 'tester', KEEP, ['own'], 'Testers keep their own notes.'),
    allow(
      'tester-shared',
      'tester',
      ['READ', 'PROPOSE'],
      ['shared'],
      'Testers read what is shared; what they add there waits for a reviewer.',
    ),
    allow('tester-coder', 'tester', ['READ'], ['coder'], 'Testers see how the code came about.'),
    allow('admin-organisation', 'admin', ['ADMINISTER'], ['*'], 'Admins run pools, roles, agents, keys and policies.'),
    allow(
      'admin-pools',
      'admin',
      ['READ', 'REVIEW', 'CONSOLIDATE'],
      ['kind:SHARED', 'kind:ROLE'],
      'Admins oversee the pools of the team, and none that is private to an agent.',
    ),
  ];
}

function allow(
  id: string,
  role: BuiltInRole,
  actions: readonly Action[],
  pools: readonly string[],
  reason: string,
): PolicyStatement {
  return { id, effect: 'ALLOW', roles: [role], actions, pools, where: null, fields: null, expiresAt: null, reason };
}
