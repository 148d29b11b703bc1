import { type Writable } from 'node:stream';
import { BrokerClient, describeError } from '../broker-client.js';
import { told } from '../fail.js';
import { listenForInterrupt } from '../import/interrupt.js';
import { type ProgressStream } from '../import/progress.js';
import { fileDestination, streamDestination, type Destination } from './destination.js';
import { inputOf, MEMORIES, WHOLE, wholeOf, type MemoriesPage } from './exported-memory.js';
import { PageStack } from './page-stack.js';
import { ExportSummary } from './summary.js';

export interface ExportOptions {
  url: string;
  key?: string;
  /** By default every pool in which the key may read. */
  pool?: string[];
  /** Everything about this one, of whatever status, with what it said before. */
  entity?: string;
  /** By default the lines go to stdout. */
  out?: string;
  /** In place of stdout. */
  output?: Writable;
  /** For progress and the summary; stderr unless given. */
  stream?: ProgressStream;
  /** In place of SIGINT and SIGTERM. */
  signal?: AbortSignal;
  /** Of one request, in all; patient enough by default for a broker that restarts. */
  attempts?: number;
  backoffMs?: number;
}

const PAGE = 100;
/** One answer holds 500 revisions, and of one memory up to 100 are told. */
const PAGE_WITH_HISTORIES = 5;

/**
 * Writes what a key may read as JSONL, a MemorizeInput a line, all of it or nothing.
 * @throws what an operator is told, when it cannot begin or go on
 */
export async function exportMemories(options: ExportOptions): Promise<ExportSummary> {
  const { key, stream = process.stderr } = options;
  if (!key) throw told('--key: give the key of whoever may read the memories, or set COMMONPLACE_KEY');
  const destination = options.out
    ? await fileDestination(options.out)
    : streamDestination(options.output ?? process.stdout);
  const note = (text: string) => void stream.write(`${stream.isTTY ? '\r\u001b[2K' : ''}${text}\n`);
  const own = options.signal ? undefined : listenForInterrupt(() => note('Stopping; once more stops at once.'));
  try {
    const signal = options.signal ?? (own as { signal: AbortSignal }).signal;
    const summary = await new ExportRun({ options, client: brokerClient(options, key, note), stream, signal }).to(
      destination,
    );
    summary.lines().forEach(note);
    return summary;
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    throw syscall ? told(`the export cannot be written: ${message}`) : error;
  } finally {
    own?.release();
  }
}

interface RunParts {
  options: ExportOptions;
  client: BrokerClient;
  stream: ProgressStream;
  signal: AbortSignal;
}

class ExportRun {
  private readonly summary = new ExportSummary();

  constructor(private readonly parts: RunParts) {}

  async to(destination: Destination): Promise<ExportSummary> {
    const pages = await PageStack.open(destination.scratch);
    try {
      await this.readInto(pages);
      this.goOn();
      await destination.write(this.whileWanted(pages.drain()));
    } catch (error) {
      if (!this.parts.signal.aborted) throw error;
      this.summary.interrupted = true;
    } finally {
      await pages.close();
    }
    return this.summary;
  }

  private async readInto(pages: PageStack): Promise<void> {
    const { stream } = this.parts;
    let total = 0;
    for (let after: string | null = null, first = true; first || after !== null; first = false) {
      const page: MemoriesPage = await this.page(after, first && stream.isTTY === true);
      total = page.totalCount ?? total;
      await pages.push(page.nodes.flatMap((memory) => this.lineOf(memory)));
      if (stream.isTTY) stream.write(`\r\u001b[2K${this.summary.exported} of ${total} memories read`);
      this.goOn();
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    }
  }

  private async page(after: string | null, counting: boolean): Promise<MemoriesPage> {
    const { client, options, signal } = this.parts;
    const { entity, pool } = options;
    const pools = pool?.length ? { pools: pool } : {};
    const about = entity === undefined ? {} : { entityId: entity, statuses: WHOLE };
    const conditions = { ...pools, ...about };
    const filter = Object.keys(conditions).length ? conditions : null;
    const whole = entity !== undefined;
    const variables = { filter, first: whole ? PAGE_WITH_HISTORIES : PAGE, after, counting, whole };
    return (await client.request<{ memories: MemoriesPage }>(MEMORIES, variables, { stopRetrying: signal })).memories;
  }

  private lineOf(memory: MemoriesPage['nodes'][number]): string[] {
    const input = inputOf(memory);
    this.summary.count(memory, input !== undefined);
    const inputs = this.parts.options.entity === undefined ? [input ?? []].flat() : wholeOf(memory);
    return inputs.map((one) => JSON.stringify(one));
  }

  private async *whileWanted(pages: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const page of pages) {
      this.goOn();
      yield page;
    }
  }

  private goOn(): void {
    this.parts.signal.throwIfAborted();
  }
}

function brokerClient(options: ExportOptions, key: string, note: (text: string) => void): BrokerClient {
  return new BrokerClient({
    url: options.url,
    key,
    attempts: options.attempts ?? 12,
    backoffMs: options.backoffMs,
    onRetry: (error, waitMs) => note(`${describeError(error)}; trying again in ${(waitMs / 1000).toFixed(1)} s`),
  });
}
