import { badInput } from '#kernel';
import { checkedObject } from '../checked.js';
import { type PolicyStatement } from '../statement.js';
import { parseTime } from '../times.js';
import { type MemoryRow } from '../vocabulary.js';
import { parseMemories } from './case-memories.js';
import { parseCast, type Cast } from './cast.js';
import { parseExpectations, type PolicyCase } from './expectations.js';
import { policyStatements, type ReadPolicy } from './policy-source.js';

/** A document of cases, checked: nothing in it is unknown, and everything that it declares is used. */
export interface PolicyCases {
  readonly statements: readonly PolicyStatement[];
  /** The clock: statements that have expired by then are left out. */
  readonly now: Date;
  readonly cast: Cast;
  readonly memories: ReadonlyMap<string, MemoryRow>;
  readonly cases: readonly PolicyCase[];
}

const KEYS = ['policy', 'now', 'roles', 'pools', 'principals', 'memories', 'cases'] as const;
/** Where a document says none: never the wall clock, by which cases would hold today and fail tomorrow. */
const SOME_TIME = '2026-01-01T00:00:00Z';

/**
 * @param readPolicy what stands in the file that the document names as its policy
 * @throws BAD_INPUT naming the place, such as `cases.3.principals.1`, what was wrong and what is allowed
 */
export function parsePolicyCases(document: unknown, readPolicy: ReadPolicy): PolicyCases {
  const given = checkedObject(document, 'document', { keys: KEYS, what: 'a document of cases' });
  const cast = parseCast(given);
  const keys = { roles: cast.roles, pools: new Set(cast.pools.map(({ key }) => key)) };
  const statements = policyStatements(given.policy, keys, readPolicy);
  const now = clockOf(given.now, statements);
  const memories = parseMemories(given.memories, cast, now);
  const cases = parseExpectations(given.cases, cast.principals, memories);
  refuseUnused(cast, memories, cases);
  return { statements, now, cast, memories, cases };
}

function clockOf(given: unknown, statements: readonly PolicyStatement[]): Date {
  const expiring = statements.find(({ expiresAt }) => expiresAt !== null);
  if (given == null && expiring) throw badInput('now', `is needed, for statement ${expiring.id} expires`);
  return new Date(parseTime(given ?? SOME_TIME, 'now'));
}

/** What no case speaks of is most likely a case that was forgotten. */
function refuseUnused(
  { principals }: Cast,
  memories: ReadonlyMap<string, MemoryRow>,
  cases: readonly PolicyCase[],
): void {
  const asked = new Set(cases.flatMap((one) => one.principals));
  const authors = new Set([...memories.values()].map(({ authorId }) => authorId));
  const idle = [...principals].find(([name, { id }]) => !asked.has(name) && !authors.has(id));
  if (idle) throw badInput(`principals.${idle[0]}`, 'is in no case, and author of no memory');
  const shown = new Set(cases.flatMap((one) => one.memories));
  const forgotten = [...memories.keys()].find((name) => !shown.has(name));
  if (forgotten !== undefined) throw badInput(`memories.${forgotten}`, 'is in no case');
}
