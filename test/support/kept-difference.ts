import type { RecallHit, RecallResult } from '#memory';

/** Time goes on between the two answers, and what is recent is worth less by it: in steps of a millionth, of which a sum may hold two. */
const TOLERANCE = 2.5e-6;

/** Without its numbers, and they beside it. */
function apart(result: RecallResult): { told: unknown; numbers: number[] } {
  const numbers: number[] = [];
  const told: unknown = JSON.parse(
    JSON.stringify(result, (_, value: unknown) =>
      typeof value === 'number' ? `number ${numbers.push(value)}` : value,
    ),
  );
  return { told, numbers };
}

/** Of what kept terms answer and what the database does: only what differs, for each may hold a hundred memories. */
export function difference(kept: RecallResult, stored: RecallResult): object | undefined {
  const [one, other] = [apart(kept), apart(stored)];
  const far = one.numbers.some((number, at) => !(Math.abs(number - (other.numbers[at] as number)) < TOLERANCE));
  if (!far && JSON.stringify(one.told) === JSON.stringify(other.told)) return undefined;
  const [lines, otherLines] = [linesOf(kept), linesOf(stored)];
  return {
    kept: lines.filter((line) => !otherLines.includes(line)),
    stored: otherLines.filter((line) => !lines.includes(line)),
  };
}

const linesOf = ({ hits, context, ...rest }: RecallResult): string[] => [
  JSON.stringify(rest),
  ...hits.map(({ memory: { id }, rank, score, explanation, repeats }) =>
    JSON.stringify({ id, rank, score: score.toFixed(6), repeats, ...explanation }, (_, value: unknown) =>
      typeof value === 'number' ? Number(value.toFixed(6)) : value,
    ),
  ),
  ...context.split('\n').map((line) => line.slice(0, 100)),
];

/** How many hits are compared where vectors found some of them. */
export const MOST = 100;
/** Cosines are rounded otherwise here than by Postgres, in the seventh digit: what is as near stands in one order or the other. */
const AS_GOOD = 2e-6;

/** In the order of their ids where they are as good, and without the place among what is as near. The context is made of the hits. */
export function withoutTies(result: RecallResult): RecallResult {
  // As good as the last, others were cut off.
  const least = result.hits.length < MOST ? -Infinity : (result.hits.at(-1)?.score ?? 0) + AS_GOOD;
  const hits = result.hits.filter(({ score }) => score > least);
  for (let at = 1; at < hits.length; at++)
    for (let to = at; to > 0 && isAfter(hits[to - 1] as RecallHit, hits[to] as RecallHit); to--)
      hits.splice(to - 1, 2, hits[to] as RecallHit, hits[to - 1] as RecallHit);
  const told = hits.map((hit, place) => {
    const { meaning } = hit.explanation;
    return { ...hit, rank: place + 1, explanation: { ...hit.explanation, vectorRank: meaning > AS_GOOD ? 1 : null } };
  });
  return { ...result, hits: told, context: '' };
}
const isAfter = (one: RecallHit, next: RecallHit) => one.score - next.score < AS_GOOD && one.memory.id > next.memory.id;
