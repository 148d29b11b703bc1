import { CommonplaceFailure } from './failure.js';
import { follow, type FeedEvent, type FeedOptions } from './feed.js';
import {
  CallToolDocument,
  FeedCursorDocument,
  ForgetDocument,
  MemorizeDocument,
  RecallDocument,
  ReviseDocument,
  ToolDefinitionsDocument,
  type CallToolMutation,
  type FeedCursorQuery,
  type ForgetMutation,
  type MemorizeInput,
  type MemorizeMutation,
  type RecallInput,
  type RecallQuery,
  type ReviseInput,
  type ReviseMutation,
  type ToolDefinitionsQuery,
  type ToolFormat,
} from './generated.js';
import { request, type RequestOptions } from './request.js';

export interface ClientOptions {
  /** Of the broker, such as https://memory.example.com. */
  url: string;
  /** An API key, or a token of the identity provider. */
  key: string;
  /** How long one request may take; 30 s by default. */
  deadlineMs?: number;
  /** For the feed where there is no global WebSocket, as in Node.js 20: the one of the package ws. */
  webSocket?: unknown;
}

const DEADLINE_MS = 30_000;

/** A broker, as one agent may use it. */
export class CommonplaceClient {
  private readonly place: { url: string; key: string; deadlineMs: number };
  private readonly webSocket: unknown;

  constructor({ url, key, deadlineMs = DEADLINE_MS, webSocket }: ClientOptions) {
    this.place = { url: graphqlUrl(url), key, deadlineMs };
    this.webSocket = webSocket ?? (globalThis as { WebSocket?: unknown }).WebSocket;
  }

  /** Stores one memory: in the pool of your role unless another is named. */
  async memorize(input: MemorizeInput, options?: RequestOptions): Promise<MemorizeMutation['memorize']> {
    return (await this.request<MemorizeMutation>(MemorizeDocument, { input }, options)).memorize;
  }

  /** What is known about a question, best first, and as one block of text for a prompt. */
  async recall(input: string | RecallInput, options?: RequestOptions): Promise<RecallQuery['recall']> {
    const asked = typeof input === 'string' ? { query: input } : input;
    return (await this.request<RecallQuery>(RecallDocument, { input: asked }, options)).recall;
  }

  async revise(input: ReviseInput, options?: RequestOptions): Promise<ReviseMutation['revise']> {
    return (await this.request<ReviseMutation>(ReviseDocument, { input }, options)).revise;
  }

  async forget(id: string, reason?: string, options?: RequestOptions): Promise<void> {
    await this.request<ForgetMutation>(ForgetDocument, { id, reason }, options);
  }

  /** What happens to the memories that you may read, from now on or from a cursor, for as long as you ask for it. */
  feed(options: FeedOptions = {}): AsyncGenerator<FeedEvent, void, undefined> {
    const { webSocket } = this;
    if (!webSocket)
      throw new CommonplaceFailure(
        'BAD_INPUT',
        'there is no global WebSocket here: give the option webSocket, such as that of ws',
      );
    const url = this.place.url.replace(/^http/, 'ws');
    return follow({ url, key: this.place.key, webSocket }, options, async () => {
      const { feedCursor } = await this.request<FeedCursorQuery>(FeedCursorDocument, {}, { signal: options.signal });
      return feedCursor;
    });
  }

  /** What a model is told of the tools. */
  async toolDefinitions(format: ToolFormat, options?: RequestOptions): Promise<Record<string, unknown>[]> {
    return (await this.request<ToolDefinitionsQuery>(ToolDefinitionsDocument, { format }, options)).toolDefinitions;
  }

  /** Runs a tool that a model has called. Wrong arguments are an answer for the model, with `isError`. */
  async callTool(
    name: string,
    given: Record<string, unknown>,
    options?: RequestOptions,
  ): Promise<CallToolMutation['callTool']> {
    return (await this.request<CallToolMutation>(CallToolDocument, { name, arguments: given }, options)).callTool;
  }

  /** Any other operation of the schema. */
  request<Data>(document: string, variables: object = {}, options?: RequestOptions): Promise<Data> {
    return request<Data>(this.place, document, variables, options);
  }
}

function graphqlUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw new CommonplaceFailure('BAD_INPUT', `${JSON.stringify(given)} is no URL such as https://memory.example.com`);
  url.pathname = url.pathname.replace(/\/(graphql)?\/?$/, '/graphql');
  return url.href;
}
