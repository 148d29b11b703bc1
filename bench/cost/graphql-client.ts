import type { Question } from './corpus.js';
import { JsonPoster } from './json-poster.js';

const RECALL =
  'query ($input: RecallInput!) { recall(input: $input) { degraded hits { score memory { id content } } } }';
const MEMORIZE = 'mutation ($input: MemorizeInput!) { memorize(input: $input) { outcome } }';
const MEMORIZE_MANY =
  'mutation ($inputs: [MemorizeInput!]!) { memorizeMany(inputs: $inputs) { results { outcome } failures { message } } }';

interface Hits {
  recall: { degraded: string[]; hits: { memory: { id: string; content: string } }[] };
}

/** What an agent sends. */
export class GraphqlClient {
  private readonly poster: JsonPoster;

  constructor(url: string, key: string) {
    this.poster = new JsonPoster(`${url}/graphql`, { authorization: `Bearer ${key}` });
  }

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

  /** Answered without the database. */
  async typename(): Promise<void> {
    await this.ask('{ __typename }', {});
  }

  close(): void {
    this.poster.close();
  }

  private async ask<Data>(query: string, variables: object): Promise<Data> {
    const { data, errors } = await this.poster.post<{ data?: Data; errors?: unknown }>({ query, variables });
    if (errors || !data) throw new Error(JSON.stringify(errors));
    return data;
  }
}
