import { withDeadline } from '#kernel';
import type { LookupAddress } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { Refused, type Destinations } from './destination.js';

const MAX_ANSWER_BYTES = 4_096;
const ANSWER_WITHIN_MS = 1_000;
const GONE = 410;

/** What came of one POST. `error` is short and ours: nothing that a receiver wrote is kept. */
export type Outcome =
  | { kind: 'DELIVERED' }
  | { kind: 'GONE'; error: string }
  | { kind: 'FAILED'; error: string; retryAfterMs: number }
  // By us, who stop: nobody knows whether it arrived.
  | { kind: 'CUT_OFF' };

export interface Post {
  url: string;
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
  cutOff: AbortSignal;
}

/** Follows no redirect, and reuses no connection: each is to an address that was looked at for it. */
export function post(destinations: Destinations, order: Post): Promise<Outcome> {
  const { timeoutMs, cutOff } = order;
  const attempt = async (signal: AbortSignal): Promise<Outcome> => {
    try {
      return await send(destinations, order, signal);
    } catch (error) {
      if (cutOff.aborted) return { kind: 'CUT_OFF' };
      return { kind: 'FAILED', error: reasonOf(error, signal, timeoutMs), retryAfterMs: 0 };
    }
  };
  return withDeadline(timeoutMs, attempt, cutOff);
}

async function send(destinations: Destinations, { url, headers, body }: Post, signal: AbortSignal): Promise<Outcome> {
  const target = new URL(url);
  const addresses = await destinations.addresses(target, signal);
  return new Promise<Outcome>((resolve, reject) => {
    const request = (target.protocol === 'https:' ? https : http).request(target, {
      method: 'POST',
      agent: false,
      signal,
      lookup: lookupIn(addresses),
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'commonplace-webhooks',
      },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      // What fails from here on changes nothing of what the status has said.
      request.off('error', reject).on('error', () => undefined);
      void drop(response).then(() => resolve(outcomeOf(response)));
    });
    request.end(body);
  });
}

const lookupIn =
  (addresses: LookupAddress[]): LookupFunction =>
  (_host, options, callback) => {
    const [first] = addresses as [LookupAddress];
    if (options.all) callback(null, addresses);
    else callback(null, first.address, first.family);
  };

/** The status has said it all. A little of the body is read, for receivers who count it as an error if nobody does. */
function drop(response: http.IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const end = () => {
      clearTimeout(timer);
      response.destroy();
      resolve();
    };
    const timer = setTimeout(end, ANSWER_WITHIN_MS);
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) end();
    });
    response.on('error', end);
    response.on('close', end);
    response.on('end', end);
  });
}

function outcomeOf({ statusCode = 0, headers }: http.IncomingMessage): Outcome {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'DELIVERED' };
  const error = `the receiver answered ${statusCode}`;
  if (statusCode === GONE) return { kind: 'GONE', error };
  if (statusCode >= 300 && statusCode < 400)
    return { kind: 'FAILED', error: `${error}, and redirects are not followed`, retryAfterMs: 0 };
  return { kind: 'FAILED', error, retryAfterMs: retryAfter(headers['retry-after']) };
}

/** Seconds or a date; 0 for anything else. */
export function retryAfter(value: string | undefined, now = Date.now()): number {
  if (!value) return 0;
  if (!/^(\d{1,9}|[A-Z][a-z]{2}, [\w :]{20,30} GMT)$/.test(value)) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

function reasonOf(error: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (error instanceof Refused) return error.message;
  if (signal.aborted) return `no answer within ${timeoutMs} ms`;
  const code = String((error as { code?: unknown }).code ?? '');
  return /^[A-Z0-9_]{1,60}$/.test(code) ? `the connection failed: ${code}` : 'the connection failed';
}
