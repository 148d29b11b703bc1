import type { Principal } from '#access';
import { readConfig } from '#platform';
import { openBroker, type Broker } from '../../apps/api/src/broker.js';
import { capture, type Flights } from './capture.js';
import type { Question } from './corpus.js';

const BATCH = 100;
/** Batches underway together; those of one pool wait for each other. */
const PARALLEL = 4;

export interface Writing {
  key: string;
  pool: string;
  contents: readonly string[];
  /** As in a Scope. */
  apart?: boolean;
}

export interface CapturedWrite {
  poolId: string;
  flights: Flights;
}

interface Batch extends Writing {
  /** Where its first memory stands among those of the pool. */
  first: number;
}

/** The broker's services in this process, on the database of one over HTTP: to fill it, and to hear what recalls and writes send. */
export class SecondBroker {
  private constructor(
    private readonly broker: Broker,
    private readonly failures: string[],
  ) {}

  static async open(databaseUrl: string, variables: Record<string, string> = {}): Promise<SecondBroker> {
    const config = readConfig({ DATABASE_URL: databaseUrl, DATABASE_POOL_SIZE: '10', ...variables });
    const failures: string[] = [];
    // Anything else it warns of, the broker over HTTP warns of too.
    const onError = (where: string, error: unknown) => {
      if (where === 'the embedder') failures.push(String(error));
    };
    return new SecondBroker(await openBroker({ config, onError }), failures);
  }

  /** By the verb and not past it, so that whatever a write keeps up to date is so. */
  async fill(writings: readonly Writing[]): Promise<void> {
    const batches = writings.flatMap(({ contents, ...rest }) =>
      Array.from({ length: Math.ceil(contents.length / BATCH) }, (_, nth) => ({
        ...rest,
        contents: contents.slice(nth * BATCH, (nth + 1) * BATCH),
        first: nth * BATCH,
      })),
    );
    let next = 0;
    const writer = async () => {
      while (next < batches.length) await this.write(batches[next++] as Batch);
    };
    await Promise.all(Array.from({ length: PARALLEL }, writer));
    // Memories without their vectors would make every search by meaning cheaper.
    if (this.failures[0]) throw new Error(this.failures[0]);
    await this.broker.database.maintenance('vacuum analyze');
  }

  /** What a recall of each question sends, once those that came before have warmed it. */
  async captureRecalls(key: string, pools: readonly string[], questions: readonly Question[]): Promise<Flights[]> {
    const caller = await this.broker.credentials.authenticate(key);
    const recall = (query: string) => this.broker.recall.recall(caller, { query, pools: [...pools] });
    await recall((questions[0] as Question).text);
    await this.broker.terms.settled();
    const captured: Flights[] = [];
    for (const { text } of questions) captured.push(asOneUnit(await capture(() => recall(text))));
    return captured;
  }

  /** What it sends to store one memory, or several that travel together, behind a first one that loads the policy. */
  async captureWrite(key: string, pool: string, [first = '', ...contents]: readonly string[]): Promise<CapturedWrite> {
    const caller = await this.broker.credentials.authenticate(key);
    const { memorize } = this.broker;
    const input = (content: string) => ({ content, type: 'EPISODIC' as const, pool });
    const { memory } = await memorize.memorize(caller, input(first));
    const [alone, ...others] = contents.map(input);
    if (!alone) throw new Error('nothing to write behind the first');
    const isOne = others.length === 0;
    const work = () => (isOne ? memorize.memorize(caller, alone) : memorize.memorizeMany(caller, [alone, ...others]));
    return { poolId: memory.poolId, flights: await capture(work) };
  }

  close(): Promise<void> {
    return this.broker.close();
  }

  private async write({ key, pool, contents, apart, first }: Batch): Promise<void> {
    const inputs = contents.map((content, nth) => ({
      content,
      type: 'EPISODIC' as const,
      pool,
      ...(apart ? {} : inSession(first + nth)),
    }));
    const caller: Principal = await this.broker.credentials.authenticate(key);
    const { failures } = await this.broker.memorize.memorizeMany(caller, inputs);
    if (failures[0]) throw failures[0].error;
  }
}

/** Of a recall that asked all anew the floor would be twice as high. */
function asOneUnit(flights: Flights): Flights {
  const begun = flights.flat().filter(({ name }) => name === 'sec_open').length;
  if (begun !== 1) throw new Error(`a recall began ${begun} units of work`);
  return flights;
}

/** Conversations of twenty turns each. */
const inSession = (nth: number) => ({ sessionId: `session-${Math.floor(nth / 20)}`, speaker: `speaker-${nth % 7}` });
