import { origin, type Told } from './prompt.js';

export const NOTHING_FITS =
  'The language model does not answer, and nothing that you may read says how this is done. Ask again later, or write down how to do it as a PROCEDURAL memory.';

/** The best comes first. Nothing is made up: every word but the headings stands in a memory. */
export function answerFrom(told: readonly Told[]): string {
  const entries = told.map((one, place) => `${place + 1}. ${one.memory.content ?? ''}\n(${origin(one)})`);
  return `The language model does not answer. What is written down about how to do this:\n\n${entries.join('\n\n')}`;
}
