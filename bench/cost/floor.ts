import { Child } from '../feed/child.js';
import { GraphqlClient } from './graphql-client.js';
import type { Contender } from './turns.js';

/** What no broker that is asked over HTTP gets below, whatever it stores. */
export class Floor {
  private constructor(
    private readonly child: Child,
    private readonly bare: GraphqlClient,
  ) {}

  static async start(): Promise<Floor> {
    const child = new Child('../cost/bare-process.js', {});
    return new Floor(child, new GraphqlClient((await child.answer('ready')) as string, 'none'));
  }

  /** A server that answers without looking at what it is asked, and a broker that needs no database for its answer. */
  contenders(broker: GraphqlClient): Contender[] {
    return [
      { name: 'HTTP alone', call: () => this.bare.typename() },
      { name: 'broker, asked for nothing', call: () => broker.typename() },
    ];
  }

  async close(): Promise<void> {
    this.bare.close();
    await this.child.close();
  }
}
