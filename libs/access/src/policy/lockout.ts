import { badInput } from '#kernel';
import { speaksOf } from './rules.js';
import { type PolicyStatement } from './statement.js';

/**
 * The lockout guard: some role that is held must keep ADMINISTER, by an ALLOW on `*` that never expires, and be named by
 * no DENY of it. A DENY counts whatever its pools, and one that expires counts too: until then nobody could lift it.
 * @param heldRoles the roles that a live operator or agent holds
 * @throws BAD_INPUT when none does
 */
export function assertAdministrable(
  statements: readonly PolicyStatement[],
  heldRoles: ReadonlySet<string>,
  path = 'statements',
): void {
  const about = statements.filter(({ actions }) => actions.includes('ADMINISTER'));
  const allows = about.filter(
    ({ effect, pools, expiresAt }) => effect === 'ALLOW' && expiresAt === null && pools.includes('*'),
  );
  const denies = about.filter(({ effect }) => effect === 'DENY');
  const names = (list: readonly PolicyStatement[], role: string) => list.some((statement) => speaksOf(statement, role));
  if ([...heldRoles].some((role) => names(allows, role) && !names(denies, role))) return;
  const denied = denies.length > 0 ? `; ${denies.map(({ id }) => id).join(', ')} would deny it`.slice(0, 200) : '';
  throw badInput(
    path,
    `would leave nobody able to ADMINISTER: a role that somebody holds needs an ALLOW of it on pools ["*"], without expiresAt and with no DENY${denied}`,
  );
}
