import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { type Checkpoint } from './checkpoint.js';
import { FakeBroker, type Fault } from './fake-broker.js';
import { importFile, type ImportOptions } from './import-file.js';
import { type MemorizeInput } from './memorize-input.js';
import { type ImportSummary } from './summary.js';

type FaultOf = (request: number, inputs: MemorizeInput[]) => Fault;

/** For specs: a file in a folder of its own, a broker that it is imported into, and what the import told. */
export class ImportTrial {
  folder = '';
  broker: FakeBroker | undefined;
  told: string[] = [];

  async begin(): Promise<void> {
    this.folder = await mkdtemp(path.join(os.tmpdir(), 'import-file-'));
    this.told = [];
  }

  async end(): Promise<void> {
    await this.broker?.stop();
    this.broker = undefined;
    await rm(this.folder, { recursive: true });
  }

  async start(lines: string[], faultOf?: FaultOf): Promise<FakeBroker> {
    this.broker = await FakeBroker.start(faultOf);
    await this.writeTurns(lines);
    return this.broker;
  }

  writeTurns(lines: string[]): Promise<void> {
    return writeFile(path.join(this.folder, 'turns.jsonl'), lines.join('\n'));
  }

  run(options: Partial<ImportOptions> = {}): Promise<ImportSummary> {
    return importFile({
      file: path.join(this.folder, 'turns.jsonl'),
      pool: 'team',
      content: 'text',
      url: this.broker?.url ?? 'http://127.0.0.1:1/graphql',
      key: 'secret',
      batch: 10,
      attempts: 1,
      backoffMs: 1,
      print: (line) => this.told.push(line),
      stream: this.stream(),
      ...options,
    });
  }

  sent(): MemorizeInput[] {
    return (this.broker as FakeBroker).requests.flat();
  }

  async checkpoint(): Promise<Checkpoint> {
    return JSON.parse(await readFile(path.join(this.folder, 'turns.jsonl.import-progress.json'), 'utf8')) as Checkpoint;
  }

  private stream(): Writable {
    return new Writable({
      write: (chunk: Buffer, _, done) => {
        this.told.push(chunk.toString());
        done();
      },
    });
  }
}

export const turns = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => JSON.stringify({ text: `turn ${index}` }));

/** For the first request with that turn in it. */
export function once(turn: number, fault: Fault): FaultOf {
  let left = 1;
  return (_, inputs) => (inputs.some(({ content }) => content === `turn ${turn}`) && left-- > 0 ? fault : undefined);
}
