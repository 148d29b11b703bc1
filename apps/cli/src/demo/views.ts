import { BrokerError, describeError } from '../broker-client.js';
import { CONTEXT, RECALL, type DemoHit, type FeedEvent } from './documents.js';
import { unheard, type FeedWatch } from './feed-watch.js';
import { membersOf, type Member, type Team } from './team.js';
import { clip, wrap, type Terminal } from './terminal.js';

export const QUESTIONS: readonly string[] = [
  'When is the go-live, and what could still move the date?',
  'Is there a penalty in the contract with Orchard Foods?',
  'Why were two invoices posted twice to the ERP?',
  'How are amounts with a decimal comma parsed?',
  'How do I replay a failed day?',
];
const HITS = 3;
const SHOWN_EVENTS = 8;

/** The same question to all four: the answers differ by what each may read. */
export async function showRecalls(team: Team, terminal: Terminal): Promise<void> {
  for (const question of QUESTIONS) {
    terminal.line();
    terminal.line(terminal.style('bold', `“${question}”`));
    const blocks = [];
    for (const member of membersOf(team)) {
      const hits = await topHits(member, question);
      blocks.push({ title: member.role, lines: (width: number) => hitLines(hits, width) });
    }
    terminal.sideBySide(blocks);
  }
}

export async function showContext(member: Member, query: string, terminal: Terminal): Promise<void> {
  const input = { query, tokenBudget: 250 };
  const { recall } = await member.client.request<{ recall: { context: string } }>(CONTEXT, { input });
  terminal.line(`What the ${member.role} would put into its prompt for “${query}”:`);
  terminal.line();
  for (const line of recall.context.split('\n')) terminal.paragraph(line, 4);
}

/** Answers what is wrong with the feeds; nothing, when each agent heard all that it may read and nothing else. */
export function showFeeds(watches: FeedWatch[], changed: ReadonlyMap<string, string>, terminal: Terminal): string[] {
  const problems: string[] = [];
  for (const watch of watches) {
    const { role, readable } = watch.member;
    const kinds = countBy(watch.events.map(({ kind }) => kind));
    terminal.line();
    terminal.line(
      `${terminal.style('bold', role)}: ${watch.events.length} events (${kinds}); may read ${[...readable].join(', ')}`,
    );
    const shown = shownEvents(watch.events);
    for (const event of shown) showEvent(event, terminal);
    if (watch.events.length > shown.length) terminal.line(`  … and ${watch.events.length - shown.length} more`);
    problems.push(...checkFeed(watch, changed, terminal));
  }
  return problems;
}

/** The first ones, and after them the first of each kind that is not among them. */
function shownEvents(events: FeedEvent[]): FeedEvent[] {
  const first = events.slice(0, SHOWN_EVENTS);
  const kinds = new Set(first.map(({ kind }) => kind));
  const others = events.slice(SHOWN_EVENTS).filter(({ kind }) => !kinds.has(kind) && kinds.add(kind));
  return [...first, ...others];
}

function showEvent({ kind, poolKey, memory }: FeedEvent, terminal: Terminal): void {
  const text = memory?.content ?? '(no content: the memory is gone)';
  terminal.row(['', kind, poolKey ?? memory?.pool.key ?? '', memory?.author?.role ?? '', text], [0, 10, 8, 8]);
}

function checkFeed(watch: FeedWatch, changed: ReadonlyMap<string, string>, terminal: Terminal): string[] {
  const { role, readable } = watch.member;
  const due = [...changed.values()].filter((pool) => readable.has(pool)).length;
  const missed = unheard(watch, changed).length;
  const foreign = watch.foreign().length;
  terminal.line(
    `  check: heard of ${due - missed} of the ${due} memories that changed in its pools; ${foreign} events from pools it may not read`,
  );
  return [
    ...(watch.problem ? [`the feed of the ${role} ended: ${watch.problem}`] : []),
    ...(missed > 0 ? [`the ${role} never heard of ${missed} memories that it may read`] : []),
    ...(foreign > 0 ? [`the ${role} was told ${foreign} events of pools that it may not read`] : []),
  ];
}

async function topHits(member: Member, query: string): Promise<DemoHit[] | string> {
  try {
    const input = { query, limit: HITS };
    return (await member.client.request<{ recall: { hits: DemoHit[] } }>(RECALL, { input })).recall.hits;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return describeError(error);
  }
}

function hitLines(hits: DemoHit[] | string, width: number): string[] {
  if (typeof hits === 'string') return wrap(hits, width);
  if (hits.length === 0) return ['nothing'];
  return hits.flatMap(({ score, memory }, index) => [
    clip(`${index + 1}. ${memory.pool.key}  ${score.toFixed(2)}`, width),
    ...wrap(memory.content ?? '(hidden)', width - 3, 3).map((line) => `   ${line}`),
  ]);
}

function countBy(names: string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ') || 'none';
}
