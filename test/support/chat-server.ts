import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EmbeddingServer } from './embedding-server.js';

export interface ChatRequest {
  model: string;
  messages: { role: string; content: string }[];
  response_format?: { type: string; json_schema: { name: string; strict: boolean; schema: Record<string, unknown> } };
}

const json = (response: http.ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};

export const completion = (content: unknown, finish: string = 'stop') => ({
  id: 'chatcmpl-test',
  object: 'chat.completion',
  created: 1,
  model: 'test',
  choices: [{ index: 0, finish_reason: finish, message: { role: 'assistant', content, refusal: null } }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});

type Failing = (response: http.ServerResponse, whole: string) => void;

/** Everything that a server of a language model may do instead of its work; `whole` is what it would have answered. */
export const CHAT_FAILURES = {
  'answers 500': (response) => json(response, 500, { error: { message: 'overloaded', type: 'server_error' } }),
  'answers 429': (response) => json(response, 429, { error: { message: 'slow down', type: 'rate_limit' } }),
  'answers 429 and says when to come back': (response) => {
    response.setHeader('retry-after', '3600');
    json(response, 429, { error: { message: 'slow down', type: 'rate_limit' } });
  },
  'answers no JSON': (response) => json(response, 200, '<html>gateway</html>'),
  'answers half of its JSON': (response, whole) => {
    const body = JSON.stringify(completion(whole));
    json(response, 200, body.slice(0, body.length / 2));
  },
  'stops in the middle of the answer': (response, whole) =>
    json(response, 200, completion(whole.slice(0, whole.length / 2), 'length')),
  'hangs up in the middle of the answer': (response, whole) => {
    const body = JSON.stringify(completion(whole));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(body.length) });
    response.write(body.slice(0, body.length / 2), () => response.destroy());
  },
  'answers another object': (response) => json(response, 200, { object: 'list' }),
  'answers nothing': (response) => json(response, 200, completion('')),
  'answers garbage': (response) => json(response, 200, completion('%$& lorem {{{')),
  'hangs up': (response) => response.destroy(),
  'never answers': () => undefined,
} satisfies Record<string, Failing>;

export type ChatFailureKind = keyof typeof CHAT_FAILURES;

/** Of whatever is of no concern to a form, garbage is as good an answer as any. */
export const FAILS_WITHOUT_FORM = (Object.keys(CHAT_FAILURES) as ChatFailureKind[]).filter(
  (kind) => kind !== 'answers garbage',
);

/** A local server that answers as OpenAI's /v1/chat/completions does, and fails when it is told to. */
export class ChatServer {
  failure: ChatFailureKind | null = null;
  /** How many requests are to fail; then it works again. */
  failing = Infinity;
  /** Refused with 400. */
  refuses = false;
  /** What it answers; the prompt itself by default, so that a test sees what was sent. */
  reply: (request: ChatRequest) => string | object = ({ messages }) =>
    messages.map(({ content }) => content).join('\n');
  readonly requests: ChatRequest[] = [];
  /** Asked for embeddings: both models have one address. */
  embedder: EmbeddingServer | null = null;
  private readonly held = new Set<() => void>();
  private holding = false;
  private server: http.Server | undefined;

  private constructor(private port: number) {}

  static async start(): Promise<ChatServer> {
    const server = new ChatServer(0);
    await server.listen();
    return server;
  }

  get env(): NodeJS.ProcessEnv {
    return { LLM_MODEL: 'test', OPENAI_BASE_URL: `http://127.0.0.1:${this.port}/v1`, LLM_TIMEOUT_MS: '5000' };
  }

  /** Fails so for the next requests. */
  fail(kind: ChatFailureKind | null, failing = Infinity): void {
    this.failure = kind;
    this.failing = failing;
  }

  /** Answers wait until the returned function is called. */
  hold(): () => void {
    this.holding = true;
    return () => {
      this.holding = false;
      for (const go of this.held) go();
      this.held.clear();
    };
  }

  /** Once an answer waits. */
  async asked(): Promise<void> {
    for (let n = 0; this.held.size === 0 && n < 300; n++) await new Promise((resolve) => setTimeout(resolve, 50));
    if (this.held.size === 0) throw new Error('Nobody has asked the model');
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

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.embedder && request.url?.endsWith('/embeddings'))
      return handOn(Buffer.concat(chunks), this.embedder, response);
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as ChatRequest;
    this.requests.push(asked);
    if (this.holding) await new Promise<void>((go) => this.held.add(go));
    if (this.refuses) return json(response, 400, { error: { message: 'no', type: 'invalid_request' } });
    const made = this.reply(asked);
    const whole = typeof made === 'string' ? made : JSON.stringify(made);
    if (this.failure && this.failing-- > 0) CHAT_FAILURES[this.failure](response, whole);
    else json(response, 200, completion(whole));
  }
}

async function handOn(body: Buffer, { env }: EmbeddingServer, response: http.ServerResponse): Promise<void> {
  const url = `${env['OPENAI_BASE_URL']}/embeddings`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body.toString(),
  });
  json(response, answer.status, await answer.text());
}
