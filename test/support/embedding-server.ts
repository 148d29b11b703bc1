import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** Words that mean the same stand for one direction. */
const MEANINGS: readonly (readonly string[])[] = [
  ['deploy', 'release', 'ship', 'rollout'],
  ['bug', 'defect', 'fault', 'error'],
  ['database', 'postgres', 'storage'],
  ['slow', 'latency', 'sluggish'],
  ['password', 'secret', 'credential'],
  ['test', 'spec', 'check'],
  ['meeting', 'standup', 'call'],
  ['invoice', 'bill', 'payment'],
];
/** Directions of words without a meaning here; they collide, as they do with real models. */
const REST = 8;
export const DIMENSIONS = MEANINGS.length + REST;

/** Meanings weigh four times as much as other words: texts that share a meaning are near, those that share a word less so. */
export function embed(text: string): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    const meaning = MEANINGS.findIndex((words) => words.includes(word));
    const place = meaning >= 0 ? meaning : MEANINGS.length + (hash(word) % REST);
    vector[place] = (vector[place] as number) + (meaning >= 0 ? 4 : 1);
  }
  if (!vector.some(Boolean)) vector[DIMENSIONS - 1] = 1;
  return vector;
}

export function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function hash(word: string): number {
  let value = 7;
  for (const letter of word) value = (value * 31 + letter.charCodeAt(0)) % 65_521;
  return value;
}

/** Another model: the same meanings, in other directions. */
export const turned = (vector: readonly number[]): number[] => [...vector.slice(5), ...vector.slice(0, 5)];

type Answer = (texts: string[], response: http.ServerResponse) => void;

const json = (response: http.ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};
const list = (vectors: unknown[]) => ({
  object: 'list',
  model: 'test',
  data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
  usage: { prompt_tokens: 1, total_tokens: 1 },
});
const answerWith =
  (change: (vectors: (number | null | string)[][]) => unknown[]): Answer =>
  (texts, response) =>
    json(response, 200, list(change(texts.map(embed))));

/** Everything that a server of embeddings may do instead of its work. */
export const FAILURES = {
  'answers 500': (_, response) => json(response, 500, { error: { message: 'overloaded', type: 'server_error' } }),
  'answers 429 and says when to come back': (_, response) => {
    response.setHeader('retry-after', '1');
    json(response, 429, { error: { message: 'slow down', type: 'rate_limit' } });
  },
  'answers 429': (_, response) => json(response, 429, { error: { message: 'slow down', type: 'rate_limit' } }),
  'answers no JSON': (_, response) => json(response, 200, '<html>gateway</html>'),
  'answers half a JSON': (_, response) => json(response, 200, '{"object": "list", "data": [{"index": 0, "embe'),
  'answers another object': (_, response) => json(response, 200, { object: 'list' }),
  'hangs up': (_, response) => response.destroy(),
  'never answers': () => undefined,
  'answers one vector too few': answerWith((vectors) => vectors.slice(1)),
  'answers one vector too many': answerWith((vectors) => [...vectors, vectors[0] as number[]]),
  'answers vectors of another dimension': answerWith((vectors) => vectors.map((vector) => [...vector, 1])),
  'answers vectors with null for NaN': answerWith((vectors) => vectors.map((vector) => [null, ...vector.slice(1)])),
  'answers vectors of text': answerWith((vectors) => vectors.map((vector) => vector.map(String))),
  'answers a place that no text has': (texts, response) => {
    const { data, ...rest } = list(texts.map(embed));
    json(response, 200, { ...rest, data: data.map((item) => ({ ...item, index: texts.length })) });
  },
  'answers vectors of zeros': answerWith((vectors) => vectors.map((vector) => vector.map(() => 0))),
} satisfies Record<string, Answer>;

export type Failure = keyof typeof FAILURES;

/** A local server that answers as OpenAI's /v1/embeddings does, and fails when it is told to. */
export class EmbeddingServer {
  failure: Failure | null = null;
  /** Answers are held back by this long. */
  delayMs = 0;
  private readonly held = new Map<string, Promise<void>>();
  /** Vectors of another length, as after the model was exchanged under its name. */
  lengthen = 0;
  /** The models that it has; null for one that it gives whatever it is asked for. */
  models: Record<string, (vector: number[]) => number[]> | null = null;
  /** Texts that hold this are refused. */
  refuses: string | null = null;
  /** Every text that was asked for. */
  readonly texts: string[] = [];
  readonly requests: { model: string; texts: string[] }[] = [];
  private server: http.Server | undefined;

  private constructor(private port: number) {}

  static async start(): Promise<EmbeddingServer> {
    const server = new EmbeddingServer(0);
    await server.listen();
    return server;
  }

  get env(): NodeJS.ProcessEnv & { EMBEDDING_MODEL: string } {
    return {
      EMBEDDING_MODEL: 'test',
      OPENAI_BASE_URL: `http://127.0.0.1:${this.port}/v1`,
      EMBEDDING_TIMEOUT_MS: '3000',
    };
  }

  /** On the port that it had. */
  async listen(): Promise<void> {
    const server = http.createServer((request, response) => void this.answer(request, response));
    this.server = server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
  }

  /** Connections are refused from now on. */
  async close(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  /** Answers for the text wait until the returned function is called. */
  hold(text: string): () => void {
    let release: () => void = () => undefined;
    this.held.set(text, new Promise((resolve) => (release = resolve)));
    return () => {
      this.held.delete(text);
      release();
    };
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { input, model } = JSON.parse(Buffer.concat(chunks).toString()) as { input: string[]; model: string };
    this.texts.push(...input);
    this.requests.push({ model, texts: input });
    if (this.delayMs) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    for (const text of input) await this.held.get(text);
    this.answerTo(input, model, response);
  }

  private answerTo(input: string[], model: string, response: http.ServerResponse): void {
    const shape = this.models ? this.models[model] : (vector: number[]) => vector;
    const longer = (vector: number[]) => [...vector, ...new Array<number>(this.lengthen).fill(1)];
    if (this.failure) FAILURES[this.failure](input, response);
    else if (!shape) json(response, 404, { error: { message: 'no such model', type: 'not_found' } });
    else if (this.refuses !== null && input.some((text) => text.includes(this.refuses as string)))
      json(response, 400, { error: { message: 'too many tokens', type: 'invalid_request' } });
    else json(response, 200, list(input.map((text) => longer(shape(embed(text))))));
  }
}
