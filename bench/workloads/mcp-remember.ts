import { Corpus, type Question } from '../cost/corpus.js';
import { Field } from '../cost/field.js';
import type { McpProtocol } from '../cost/mcp-client.js';
import { median, ratio, takeTurns } from '../measure.js';
import type { Row, Size, Workload } from '../workload.js';

const LIMIT = 5;
const PROTOCOLS: readonly McpProtocol[] = ['2025-11-25', '2026-07-28'];

/** What the tool adds to the recall behind it: another wire, and words for a model. */
export const mcpRemember: Workload = {
  name: 'mcp-remember',
  needsDatabase: true,
  quick: true,
  run: async (serverUrl, { quick }: Size) => {
    const [size, rounds, calls] = quick ? [50, 1, 3] : [500, 21, 20];
    const corpus = new Corpus();
    const scope = corpus.scope('scope', size);
    const field = await Field.open(serverUrl, { scopes: [scope], readers: { tester: ['scope'] }, brokers: ['plain'] });
    try {
      const questions = corpus.questions([scope], quick ? 3 : 20);
      return await measure(field, questions, rounds, calls);
    } finally {
      await field.close();
    }
  },
};

async function measure(field: Field, questions: readonly Question[], rounds: number, calls: number): Promise<Row[]> {
  const graphql = field.client('tester', 'plain');
  const mcp = field.mcpClient('tester', 'plain');
  const textOf = (nth: number) => (questions[nth % questions.length] as Question).text;
  const recall = (nth: number) => graphql.recall(['scope'], { text: textOf(nth) }, LIMIT);
  const remember = (protocol: McpProtocol, nth: number) =>
    mcp.remember(protocol, { query: textOf(nth), pool: 'scope', max_results: LIMIT });
  for (let nth = 0; nth < questions.length; nth++) {
    const found = await recall(nth);
    for (const protocol of PROTOCOLS) {
      const told = await remember(protocol, nth);
      if (found.length === 0 || !found.every((content) => told.includes(content)))
        throw new Error(`by ${protocol}, ${textOf(nth)} is answered otherwise`);
    }
  }
  const variants = [recall, ...PROTOCOLS.map((protocol) => (nth: number) => remember(protocol, nth))];
  const times = await takeTurns(
    variants.map((call) => ({ call })),
    rounds,
    calls,
  );
  const names = ['recall over GraphQL', ...PROTOCOLS.map((protocol) => `remember over MCP ${protocol}`)];
  return [
    ...names.map((row, place): Row => ({ row, value: median(times[place] as number[]), unit: 'ms', limit: null })),
    ...PROTOCOLS.map((protocol, place): Row => ({
      row: `remember over MCP ${protocol} / recall over GraphQL`,
      value: ratio(times, place + 1, 0),
      unit: '×',
      limit: 1.5,
    })),
  ];
}
