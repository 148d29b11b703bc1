import { isHeld, type Access, type Decision } from './access.js';
import { type Action, type MemoryRow } from './vocabulary.js';

/**
 * What one principal may do with one stored memory: the policy's decision, and around it what the product says of status
 * and authorship. An author sees, revises and takes back its own proposal; nobody reviews what is their own; what is not
 * seen can be neither revised, forgotten nor reviewed.
 *
 * Every service that changes a memory asks here, and so do explainAccess and `policy test`: they tell what will happen.
 */
export function verdict(access: Access, action: Action, row: MemoryRow): Decision {
  switch (action) {
    case 'READ':
      return mayRead(access, row);
    case 'REVISE':
    case 'FORGET':
      return whereSeen(access, row, () => mayChange(access, action, row));
    case 'REVIEW':
      return whereSeen(access, row, () => mayReview(access, row));
    case 'WRITE':
    case 'PROPOSE':
    case 'CONSOLIDATE':
    case 'ADMINISTER':
      return access.decide(action, row);
  }
}

function mayRead(access: Access, row: MemoryRow): Decision {
  if (!isHeld(row)) return access.decide('READ', row);
  const about = `a memory that is ${row.status} is shown to its author and to whoever may REVIEW`;
  const review = access.decide('REVIEW', row);
  if (review.allowed) return { ...review, reason: `${review.reason}; ${about}` };
  if (!isOwn(access, row)) return { ...review, reason: `${about}; ${review.reason}` };
  const asAuthor = (['PROPOSE', 'READ'] as const).map((action) => access.decide(action, row));
  const decided = asAuthor.find(({ allowed }) => allowed) ?? (asAuthor[0] as Decision);
  return { ...decided, reason: `${about}; as its author, ${decided.reason}` };
}

const OWN = 'nobody reviews what is their own, for nobody sees their own mistakes';

function mayReview(access: Access, row: MemoryRow): Decision {
  const decision = access.decide('REVIEW', row);
  if (!decision.allowed || !isOwn(access, row)) return decision;
  return { allowed: false, statement: null, reason: OWN };
}

/** An author keeps hold of its own proposal where no statement speaks of it; a deny binds authors too. */
function mayChange(access: Access, action: 'REVISE' | 'FORGET', row: MemoryRow): Decision {
  const decision = access.decide(action, row);
  if (decision.allowed || decision.statement !== null) return decision;
  if (row.status !== 'PROPOSED' || !isOwn(access, row)) return decision;
  if (action === 'REVISE' && !access.can('PROPOSE', row)) return decision;
  const verb = action === 'REVISE' ? 'revises' : 'takes back';
  return { allowed: true, statement: null, reason: `an author ${verb} its own proposal` };
}

function whereSeen(access: Access, row: MemoryRow, decide: () => Decision): Decision {
  const read = mayRead(access, row);
  return read.allowed ? decide() : { ...read, reason: `what is not seen cannot be changed: ${read.reason}` };
}

export const isOwn = ({ principal }: Access, { authorId }: MemoryRow): boolean =>
  authorId !== null && authorId.toLowerCase() === principal.id.toLowerCase();
