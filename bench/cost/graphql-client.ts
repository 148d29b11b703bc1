import { Agent, request } from 'node:http';
import type { Question } from './corpus.js';

const MOST_CLIENTS = 64;
const RECALL =
  'query ($input: RecallInput!) { recall(input: $input) { degraded hits { score memory { id content } } } }';
const MEMORIZE = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome } }';
const MEMORIZE_MANY =
  'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { outcome } failures { message } } }';

interface Hits {
  recall: { degraded: string[]; hits: { memory: { id: string; content: string } }[] };
}

/** What an agent sends, over connections that stay open; node:http, since fetch costs the machine more than the broker does. */
export class GraphqlClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: MOST_CLIENTS });

  constructor(
    private readonly url: string,
    private readonly key: string,
  ) {}

  async recall(pools: readonly string[], { text }: Pick<Question, 'text'>, limit = 10): Promise<string[]> {
    const { recall } = await this.ask<Hits>(RECALL, { input: { query: text, pools, limit } });
    // An answer without its vectors is another, cheaper one.
    if (recall.degraded.length > 0) throw new Error(`recall was degraded: ${recall.degraded.join(', ')}`);
    return recall.hits.map(({ memory }) => memory.content);
  }

  async memorize(pool: string, content: string): Promise<void> {
    const input = { pool, content, type: 'EPISODIC' };
    const { memorize } = await this.ask<{ memorize: { outcome: string } }>(MEMORIZE, { input });
    if (memorize.outcome !== 'CREATED') throw new Error(`a new memory was ${memorize.outcome}`);
  }

  async memorizeMany(pool: string, contents: readonly string[]): Promise<void> {
    const inputs = contents.map((content) => ({ pool, content, type: 'EPISODIC' }));
    type Answer = { memorizeMany: { results: { outcome: string }[]; failures: { message: string }[] } };
    const { memorizeMany } = await this.ask<Answer>(MEMORIZE_MANY, { inputs });
    const created = memorizeMany.results.filter(({ outcome }) => outcome === 'CREATED').length;
    if (created !== contents.length) throw new Error(`${created} of ${contents.length} were created`);
  }

  close(): void {
    this.agent.destroy();
  }

  private ask<Data>(query: string, variables: object): Promise<Data> {
    const body = JSON.stringify({ query, variables });
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${this.key}`,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.url}/graphql`, { method: 'POST', agent: this.agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { data, errors } = JSON.parse(text) as { data?: Data; errors?: unknown };
          if (errors || !data) reject(new Error(text));
          else resolve(data);
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}
