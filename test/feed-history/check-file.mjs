// The whole check of one history: twice through the file, since the truth stands at its end.
import { checkWrites } from './check-writes.mjs';
import { SubscriberCheck } from './check-subscriber.mjs';
import { Facts } from './facts.mjs';
import { linesOf } from './history.mjs';
import { Verdict } from './verdict.mjs';

/** @typedef {import('./history.mjs').Line} Line */

/** @param {string} file @returns {Promise<Verdict>} */
export const checkFile = (file) => check(() => linesOf(file));

/** @param {() => AsyncIterable<Line> | Iterable<Line>} lines gives them from the beginning, each time */
export async function check(lines) {
  const facts = new Facts();
  for await (const line of lines()) if (line.k !== 'd') facts.take(line);
  facts.settle();
  const verdict = new Verdict();
  checkWrites(facts, verdict);
  const subscribers = new Map(
    [...facts.subscribers].map(([s, line]) => [s, new SubscriberCheck(line, facts, verdict)]),
  );
  for await (const line of lines()) if (line.s !== undefined) subscribers.get(line.s)?.take(line);
  for (const subscriber of subscribers.values()) subscriber.end(true);
  for (const [kind, name] of Object.entries({ edited: 'policy edits', kill: 'kills', refused: 'refused writes' }))
    verdict.count(name, facts.counts.get(kind) ?? 0);
  verdict.count('subscribers', subscribers.size);
  return verdict;
}
