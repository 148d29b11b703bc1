import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MemorizeInput } from './memorize-input.js';

/** What a request meets instead of an answer: refused with a code, or the line cut before or after the work was done. */
export type Fault = { code: string; retryAfterMs?: number; status?: number } | 'cut-before' | 'cut-after' | undefined;

interface Result {
  outcome: string;
}

interface Failure {
  index: number;
  code: string;
  message: string;
}

/** For specs: answers memorizeMany on 127.0.0.1 as the contract says, with faults where a spec asks for them. */
export class FakeBroker {
  /** The inputs of each request, in order, the faulty ones included. */
  readonly requests: MemorizeInput[][] = [];
  /** Requests that were not answered yet, and the most of them at once. */
  readonly underWay = { now: 0, most: 0 };
  /** How long each answer takes. */
  delayMs = 0;
  readonly authorizations = new Set<string | undefined>();
  /** By pool and content: how often it was told. */
  readonly stored = new Map<string, number>();
  /** Of each request the key of all of its inputs, in order. */
  readonly requestKeys: (string | undefined)[] = [];
  private readonly keys = new Map<string, { input: string; outcome: string }>();
  private readonly server: Server;

  private constructor(
    private readonly faultOf: (requestNumber: number, inputs: MemorizeInput[]) => Fault,
    private readonly refuseLine: (input: MemorizeInput) => Omit<Failure, 'index'> | undefined,
  ) {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(
    faultOf: (requestNumber: number, inputs: MemorizeInput[]) => Fault = () => undefined,
    refuseLine: (input: MemorizeInput) => Omit<Failure, 'index'> | undefined = () => undefined,
  ): Promise<FakeBroker> {
    const broker = new FakeBroker(faultOf, refuseLine);
    await new Promise<void>((resolve) => broker.server.listen(0, '127.0.0.1', resolve));
    return broker;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/graphql`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.underWay.most = Math.max(this.underWay.most, ++this.underWay.now);
    response.once('close', () => this.underWay.now--);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { variables } = JSON.parse(Buffer.concat(chunks).toString()) as {
      variables: { inputs: MemorizeInput[]; key?: string };
    };
    this.authorizations.add(request.headers.authorization);
    this.requests.push(variables.inputs);
    this.requestKeys.push(variables.key);
    const fault = this.faultOf(this.requests.length, variables.inputs);
    if (fault === 'cut-before') return void request.socket.destroy();
    if (typeof fault === 'object') return refuse(response, fault);
    await sleep(this.delayMs);
    const data = { memorizeMany: this.memorizeMany(variables.inputs, variables.key) };
    if (fault === 'cut-after') return void request.socket.destroy();
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ data }));
  }

  private memorizeMany(inputs: MemorizeInput[], key?: string): { results: Result[]; failures: Failure[] } {
    const results: Result[] = [];
    const failures: Failure[] = [];
    inputs.forEach((input, index) => {
      const failure = this.refuseLine(input);
      if (failure) failures.push({ index, ...failure });
      else if (key === undefined) this.memorize(input, index, results, failures);
      else this.memorize({ ...input, idempotencyKey: `${key} ${index}` }, index, results, failures);
    });
    return { results, failures };
  }

  private memorize(input: MemorizeInput, index: number, results: Result[], failures: Failure[]): void {
    const key = input.idempotencyKey ?? `none-${index}`;
    const before = this.keys.get(key);
    if (before && before.input !== JSON.stringify(input)) {
      failures.push({ index, code: 'CONFLICT', message: 'the idempotency key was used with another input' });
      return;
    }
    if (before) return void results.push({ outcome: before.outcome });
    const place = `${input.pool}\n${input.content}`;
    const outcome = this.stored.has(place) ? 'DUPLICATE' : 'CREATED';
    this.stored.set(place, (this.stored.get(place) ?? 0) + 1);
    this.keys.set(key, { input: JSON.stringify(input), outcome });
    results.push({ outcome });
  }
}

function refuse(response: ServerResponse, fault: { code: string; retryAfterMs?: number; status?: number }): void {
  const { code, retryAfterMs, status = 200 } = fault;
  const extensions = { code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ message: `refused with ${code}`, extensions }], data: null }));
}
