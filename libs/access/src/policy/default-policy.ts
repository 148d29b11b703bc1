import { type PolicyStatement } from './statement.js';

/** The roles of a new organisation; each but admin comes with a ROLE pool of its key. */
export const BUILT_IN_ROLES = ['planner', 'coder', 'reviewer', 'tester', 'admin'] as const;

/** The statements of a new organisation's first version. */
export function defaultPolicy(): PolicyStatement[] {
  throw new Error('not written yet');
}
