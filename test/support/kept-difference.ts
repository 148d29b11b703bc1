import type { RecallResult } from '#memory';

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
