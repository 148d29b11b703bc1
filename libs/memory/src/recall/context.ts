import type { MemoryType } from '#access';
import type { Memory } from '../memory.js';

const HEADINGS: readonly [MemoryType, string][] = [
  ['DECLARATIVE', 'Facts'],
  ['PROCEDURAL', 'How to do it'],
  ['EPISODIC', 'What happened'],
];
/** Characters to a token of English under the common tokenizers; scripts without spaces have about one to a character. */
const CHARACTERS_PER_TOKEN = 4;
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu;

/** Whatever a reader may take for the end of a line. */
const LINE_BREAKS = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g;

/** About how many tokens a model will count; an estimate, on the high side for prose. */
export function estimateTokens(text: string): number {
  const unspaced = text.match(UNSPACED)?.length ?? 0;
  return unspaced + Math.ceil((text.length - unspaced) / CHARACTERS_PER_TOKEN);
}

/** The best that fit: one that is too long for what is left gives its place to the next. */
export function withinBudget<Hit extends { memory: Memory }>(
  hits: readonly Hit[],
  budget: number | null,
  poolKey: (id: string) => string,
): Hit[] {
  if (budget === null) return [...hits];
  let left = budget - estimateTokens(HEADINGS.map(([, heading]) => `# ${heading}\n\n`).join(''));
  return hits.filter(({ memory }) => {
    const cost = estimateTokens(line(memory, poolKey));
    if (cost > left) return false;
    left -= cost;
    return true;
  });
}

/** One block for a prompt: by type, each memory with its pool and id. */
export function contextBlock(memories: readonly Memory[], poolKey: (id: string) => string): string {
  return HEADINGS.flatMap(([type, heading]) => {
    const lines = memories.filter((memory) => memory.type === type).map((memory) => line(memory, poolKey));
    return lines.length ? [`# ${heading}\n${lines.join('')}`] : [];
  })
    .join('\n')
    .trimEnd();
}

function line(memory: Memory, poolKey: (id: string) => string): string {
  // Continued lines are indented, so that a memory cannot pass itself off as a heading or as another memory.
  return `- [${poolKey(memory.poolId)} ${memory.id}] ${(memory.content ?? '').replace(LINE_BREAKS, '\n  ')}\n`;
}
