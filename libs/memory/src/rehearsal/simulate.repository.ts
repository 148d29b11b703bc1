import { SqlParams, type SimulatedCell } from '#access';
import { CommonplaceError } from '#kernel';
import type { Unit } from '#platform';

export interface Counts {
  gained: number;
  lost: number;
}

/** Postgres answers at most 1,664 columns; a cell takes two. */
const MOST_AT_ONCE = 400;
/** Each is written four times: gained and lost, of both versions. */
const MOST_TESTS = 10_000;
/** Postgres binds at most 65,535 to a statement. */
const MOST_VALUES = 60_000;

/** Of the memories stored in one pool, how many each cell gains and loses: one statement, which runs both versions' predicates. */
export async function countChanges(
  unit: Unit,
  of: { orgId: string; poolId: string; now: Date },
  cells: readonly SimulatedCell[],
): Promise<Counts[]> {
  const counted: Counts[] = [];
  for (const some of inStatements(cells)) counted.push(...(await countSome(unit, of, some)));
  return counted;
}

/** One statement, unless it would be too wide or too long. */
function inStatements(cells: readonly SimulatedCell[]): SimulatedCell[][] {
  const statements: SimulatedCell[][] = [];
  let tests = Infinity;
  for (const cell of cells) {
    const more = cell.counts?.tests ?? 0;
    const last = statements.at(-1);
    if (last && last.length < MOST_AT_ONCE && tests + more <= MOST_TESTS) {
      last.push(cell);
      tests += more;
    } else {
      statements.push([cell]);
      tests = more;
    }
  }
  return statements;
}

async function countSome(
  unit: Unit,
  of: { orgId: string; poolId: string; now: Date },
  cells: readonly SimulatedCell[],
): Promise<Counts[]> {
  if (cells.every(({ counts }) => counts === null)) return cells.map(() => ({ gained: 0, lost: 0 }));
  const params = new SqlParams();
  const counted = cells.map(({ counts }, place) => {
    const [gained, lost] = counts ? [counts.gained(params, 'm'), counts.lost(params, 'm')] : ['false', 'false'];
    return `count(*) filter (where ${gained}) as gained${place}, count(*) filter (where ${lost}) as lost${place}`;
  });
  const text = `select ${counted.join(', ')} from memory m
    where m.org_id = ${params.add(of.orgId, 'uuid')} and m.pool_id = ${params.add(of.poolId, 'uuid')}
      and (m.expires_at is null or m.expires_at > ${params.add(of.now, 'timestamptz')})`;
  if (params.values.length > MOST_VALUES)
    throw new CommonplaceError(
      'QUOTA_EXCEEDED',
      `The draft and the active version compare with ${params.values.length} values for one role in one pool, which cannot be counted.`,
    );
  const [row] = await unit.query<Record<string, number>>({ text, values: params.values });
  return cells.map((_, place) => ({ gained: row?.[`gained${place}`] ?? 0, lost: row?.[`lost${place}`] ?? 0 }));
}
