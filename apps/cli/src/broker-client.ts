import type { Client } from 'graphql-ws';
import { setTimeout as sleep } from 'node:timers/promises';

/** A failure with the broker's own code, or one of the client's: CONNECTION_REFUSED, CONNECTION_LOST, TIMEOUT, TOO_LARGE, BAD_ANSWER. */
export class BrokerError extends Error {
  /** The message is all that an operator needs. */
  readonly told = true;

  constructor(
    readonly code: string,
    message: string,
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'BrokerError';
  }
}

export interface BrokerClientOptions {
  url: string;
  key: string;
  /** Of one attempt. */
  deadlineMs?: number;
  /** How often one request is tried in all; 1 turns retries off. */
  attempts?: number;
  /** The first wait between attempts; it doubles up to 10 s. */
  backoffMs?: number;
  onRetry?: (error: BrokerError, waitMs: number) => void;
}

export interface RequestOptions {
  /** May reach the broker twice without harm, as when every input has an idempotency key; queries always may. */
  repeatable?: boolean;
  /** Once aborted no further attempt begins; the one in flight is waited for. */
  stopRetrying?: AbortSignal;
}

type Variables = Record<string, unknown>;

interface FormattedError {
  message: string;
  extensions?: Record<string, unknown> | undefined;
}

interface Answer {
  data?: unknown;
  errors?: FormattedError[];
}

const LONGEST_BACKOFF_MS = 10_000;
const LONGEST_RETRY_AFTER_MS = 90_000;
// The broker says of these that nothing was done, or never heard of the request.
const NOTHING_WAS_DONE = new Set(['RATE_LIMITED', 'CONNECTION_REFUSED']);
// The broker's own connection may be lost behind a commit.
const PERHAPS_DONE = new Set(['UNAVAILABLE', 'CONNECTION_LOST', 'TIMEOUT']);

/** Whether it says nothing of the request itself: the broker could not be had, or could not just then. */
export const isPassing = (error: unknown): boolean =>
  error instanceof BrokerError && (NOTHING_WAS_DONE.has(error.code) || PERHAPS_DONE.has(error.code));

/** GraphQL over HTTP, and over one WebSocket for subscriptions, as one principal. */
export class BrokerClient {
  readonly url: string;
  private socket: Promise<Client> | undefined;

  constructor(private readonly options: BrokerClientOptions) {
    this.url = graphqlUrl(options.url);
  }

  /** The same broker as another principal. */
  as(key: string): BrokerClient {
    return new BrokerClient({ ...this.options, key });
  }

  async request<T>(document: string, variables: Variables = {}, options: RequestOptions = {}): Promise<T> {
    const repeatable = options.repeatable ?? isQuery(document);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt<T>(document, variables);
      } catch (error) {
        if (!(error instanceof BrokerError) || !this.mayRetry(error, attempt, repeatable)) throw error;
        if (options.stopRetrying?.aborted) throw error;
        const wait = this.waitBefore(attempt, error);
        this.options.onRetry?.(error, wait);
        // Aborted in mid-wait: the caller is told of the failure that would have been retried.
        await sleep(wait, undefined, { signal: options.stopRetrying }).catch(() => Promise.reject(error));
      }
    }
  }

  /** Ends with a BrokerError when the broker ends it so; leaving the loop early unsubscribes. */
  async *subscribe<T>(document: string, variables: Variables = {}): AsyncGenerator<T, void, undefined> {
    this.socket ??= this.connect();
    try {
      const socket = await this.socket;
      for await (const answer of socket.iterate<Record<string, unknown>>({ query: document, variables })) {
        if (answer.errors?.length) throw errorFrom([...answer.errors]);
        yield answer.data as T;
      }
    } catch (error) {
      throw asSubscriptionError(error);
    }
  }

  async close(): Promise<void> {
    const socket = await this.socket;
    this.socket = undefined;
    await socket?.dispose();
  }

  /** Loaded with the first subscription: with graphql-js they take 40 ms of the start of a command that has none. */
  private async connect(): Promise<Client> {
    const [{ createClient }, { WebSocket }] = await Promise.all([import('graphql-ws'), import('ws')]);
    return createClient({
      url: this.url.replace(/^http/, 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${this.options.key}` },
      connectionAckWaitTimeout: this.options.deadlineMs ?? 30_000,
      retryAttempts: (this.options.attempts ?? 6) - 1,
      shouldRetry: (closed) => !isKeyRefused((closed as { code?: unknown }).code),
    });
  }

  private async attempt<T>(document: string, variables: Variables): Promise<T> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          authorization: `Bearer ${this.options.key}`,
        },
        body: JSON.stringify({ query: document, variables }),
        signal: AbortSignal.timeout(this.options.deadlineMs ?? 30_000),
      });
      text = await response.text();
    } catch (error) {
      throw asConnectionError(error, this.url);
    }
    const answer = parseAnswer(text);
    if (answer?.errors?.length) throw errorFrom(answer.errors, response);
    if (answer?.data == null) throw errorFromStatus(response, text);
    return answer.data as T;
  }

  private mayRetry(error: BrokerError, attempt: number, repeatable: boolean): boolean {
    if (attempt >= (this.options.attempts ?? 6)) return false;
    return NOTHING_WAS_DONE.has(error.code) || (repeatable && PERHAPS_DONE.has(error.code));
  }

  private waitBefore(attempt: number, error: BrokerError): number {
    const backoff = Math.min(LONGEST_BACKOFF_MS, (this.options.backoffMs ?? 250) * 2 ** (attempt - 1));
    const asked = Math.min(LONGEST_RETRY_AFTER_MS, error.retryAfterMs ?? 0);
    // Spread, so that clients which failed together do not come back together.
    return Math.max(asked, backoff / 2) + Math.random() * (backoff / 2);
  }
}

/** A code and a message for people: `FORBIDDEN: …`. */
export function describeError(error: unknown): string {
  if (error instanceof BrokerError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function graphqlUrl(given: string): string {
  if (!URL.canParse(given))
    throw new BrokerError('BAD_INPUT', `${given} is not a URL such as http://127.0.0.1:4000/graphql`);
  const url = new URL(given);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new BrokerError('BAD_INPUT', `${given} must begin with http:// or https://`);
  }
  if (url.pathname === '/') url.pathname = '/graphql';
  return url.href;
}

const isQuery = (document: string): boolean => /^\s*(query\b|\{)/.test(document);

function parseAnswer(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function errorFrom(errors: FormattedError[], response?: Response): BrokerError {
  const { message, extensions } = errors[0] ?? { message: 'no error given' };
  const code = typeof extensions?.code === 'string' ? extensions.code : undefined;
  if (code === undefined && response) return errorFromStatus(response, message);
  const after = extensions?.retryAfterMs;
  return new BrokerError(code ?? 'INTERNAL', message, typeof after === 'number' ? after : undefined);
}

/** What a proxy or a body limit answers, without a GraphQL error code. */
function errorFromStatus(response: Response, text: string): BrokerError {
  const message = `HTTP ${response.status}: ${text.slice(0, 200).trim() || response.statusText}`;
  const seconds = Number(response.headers.get('retry-after'));
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
  if (response.status === 401) return new BrokerError('UNAUTHENTICATED', message);
  if (response.status === 403) return new BrokerError('FORBIDDEN', message);
  if (response.status === 413) return new BrokerError('TOO_LARGE', message);
  if (response.status === 429) return new BrokerError('RATE_LIMITED', message, retryAfterMs);
  if (response.status === 503) return new BrokerError('UNAVAILABLE', message, retryAfterMs);
  if (response.status === 502 || response.status === 504) return new BrokerError('CONNECTION_LOST', message);
  return new BrokerError('BAD_ANSWER', message);
}

function asConnectionError(error: unknown, url: string): BrokerError {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  if ((error as Error).name === 'TimeoutError') {
    return new BrokerError('TIMEOUT', `${url} did not answer in time`, undefined, { cause: error });
  }
  if (cause?.code === 'ECONNREFUSED') {
    return new BrokerError('CONNECTION_REFUSED', `nothing listens at ${url}`, undefined, { cause: error });
  }
  const detail = cause?.message ?? (error as Error).message;
  return new BrokerError('CONNECTION_LOST', `no answer from ${url}: ${detail}`, undefined, { cause: error });
}

const isKeyRefused = (closeCode: unknown): boolean => closeCode === 4401 || closeCode === 4403;

/** graphql-ws throws the errors of the operation, or the event that closed the socket. */
function asSubscriptionError(error: unknown): unknown {
  if (error instanceof BrokerError) return error;
  if (Array.isArray(error)) return errorFrom(error as FormattedError[]);
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  if (typeof code !== 'number')
    return new BrokerError('CONNECTION_LOST', describeError(error), undefined, { cause: error });
  return new BrokerError(
    isKeyRefused(code) ? 'UNAUTHENTICATED' : 'CONNECTION_LOST',
    `socket closed ${code} ${String(reason ?? '')}`.trim(),
  );
}
