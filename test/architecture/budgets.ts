import type { SourceFacts } from './source.js';

export const LIMITS = { lines: 300, dependencies: 6, parameters: 4 };

export interface OverBudget {
  /** The file, `file#Class` for a constructor, or `file#function`. */
  what: string;
  is: number;
}

/** What is larger than it should be: a smell and not a law, so what is known is listed beside the test, and may only shrink. */
export function overBudget(files: readonly SourceFacts[], limits = LIMITS): OverBudget[] {
  return files.flatMap((file) => [
    // A migration says all that it does in one place, and is never edited once it has landed; what was generated nobody edits.
    ...(file.lines > limits.lines && !/^migrations\/|\/generated\.ts$/.test(file.path)
      ? [{ what: file.path, is: file.lines }]
      : []),
    ...file.callables
      .filter(({ kind, parameters }) => parameters > (kind === 'constructor' ? limits.dependencies : limits.parameters))
      .map(({ name, parameters }) => ({ what: `${file.path}#${name}`, is: parameters })),
  ]);
}
