import type { MemoryType } from '#access';
import type { Memory } from '../memory.js';
import type { CountTokens } from './tokens.js';

const HEADINGS: readonly [MemoryType, string][] = [
  ['DECLARATIVE', 'Facts'],
  ['PROCEDURAL', 'Instructions: how to do it'],
  ['EPISODIC', 'What happened'],
];

/** What was recalled stands between these: who reads it knows where it ends, and what was recalled is not learnt again. */
const OPENING = '<recalled-memories>';
const CLOSING = '</recalled-memories>';
const MARKS = /<(\/?recalled-memories)>/g;

/** Whatever a reader may take for the end of a line. */
const LINE_BREAKS = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g;

/**
 * The best that fit: one that is too long for what is left gives its place to the next. Counted line by line first, and then
 * on the very block that is answered, for tokens may join or part where two lines meet.
 */
export function withinBudget<Hit extends { memory: Memory }>(
  hits: readonly Hit[],
  budget: number,
  poolKey: (id: string) => string,
  count: CountTokens,
): Hit[] {
  const headed = new Set<MemoryType>();
  let left = budget - count(enclosed(''));
  const fitting = hits.filter(({ memory }) => {
    const cost = count(line(memory, poolKey)) + (headed.has(memory.type) ? 0 : count(`\n${heading(memory.type)}`));
    if (cost > left) return false;
    left -= cost;
    headed.add(memory.type);
    return true;
  });
  const isOver = () =>
    count(
      contextBlock(
        fitting.map(({ memory }) => memory),
        poolKey,
      ),
    ) > budget;
  while (fitting.length > 0 && isOver()) fitting.pop();
  return fitting;
}

/** One block for a prompt: by type, each memory with its pool and id; '' for none. */
export function contextBlock(memories: readonly Memory[], poolKey: (id: string) => string): string {
  const text = HEADINGS.flatMap(([type]) => {
    const lines = memories.filter((memory) => memory.type === type).map((memory) => line(memory, poolKey));
    return lines.length ? [heading(type) + lines.join('')] : [];
  })
    .join('\n')
    .trimEnd();
  return text && enclosed(text);
}

/**
 * The text without what was recalled: from the first opening to the last closing, or to the end where none closes. What stands
 * between may hold such marks itself, whoever wrote them there: rather too much is left out than a word of it taken for news.
 */
export function withoutRecalled(text: string, instead: string): string {
  const from = text.indexOf(OPENING);
  if (from < 0) return text;
  const to = text.lastIndexOf(CLOSING);
  return text.slice(0, from) + instead + (to > from ? text.slice(to + CLOSING.length) : '');
}

const enclosed = (text: string): string => `${OPENING}\n${text}\n${CLOSING}`;

const heading = (type: MemoryType): string => `# ${HEADINGS.find(([of]) => of === type)?.[1]}\n`;

function line(memory: Memory, poolKey: (id: string) => string): string {
  // Continued lines are indented, so that a memory cannot pass itself off as a heading or as another memory.
  const content = (memory.content ?? '').replace(MARKS, '($1)').replace(LINE_BREAKS, '\n  ');
  return `- [${poolKey(memory.poolId)} ${memory.id}] ${content}\n`;
}
