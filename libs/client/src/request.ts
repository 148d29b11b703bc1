import { CommonplaceFailure, failureFrom, type ToldError } from './failure.js';

export interface RequestOptions {
  signal?: AbortSignal | undefined;
}

interface Place {
  url: string;
  key: string;
  deadlineMs: number;
}

const ATTEMPTS = 3;
const PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** The broker has not begun. */
const NOT_DONE = ['RATE_LIMITED'];
/** A connection to the database may be lost behind the commit, so only what changes nothing is asked again. */
const MAY_BE_DONE = ['UNAVAILABLE'];

/** One operation over HTTP. @throws CommonplaceFailure; what `signal` was aborted with. */
export async function request<Data>(
  place: Place,
  document: string,
  variables: object,
  { signal }: RequestOptions = {},
): Promise<Data> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask<Data>(place, JSON.stringify({ query: document, variables }), signal);
    } catch (error) {
      signal?.throwIfAborted();
      const again = error instanceof CommonplaceFailure && mayAskAgain(error, document);
      const wait = again ? (error.details.retryAfterMs ?? PAUSE_MS * 2 ** attempt) : Infinity;
      if (attempt === ATTEMPTS || wait > LONGEST_PAUSE_MS) throw error;
      await pause(wait, signal);
    }
  }
}

function mayAskAgain({ code }: CommonplaceFailure, document: string): boolean {
  return NOT_DONE.includes(code) || (MAY_BE_DONE.includes(code) && /^\s*(?:query\b|\{)/.test(document));
}

async function ask<Data>(
  { url, key, deadlineMs }: Place,
  body: string,
  signal: AbortSignal | undefined,
): Promise<Data> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
  let answer: { data?: Data | null; errors?: ToldError[] };
  try {
    const signals = signal ? AbortSignal.any([signal, deadline]) : deadline;
    const response = await fetch(url, { method: 'POST', headers, body, signal: signals });
    const text = await response.text();
    answer = JSON.parse(text) as typeof answer;
  } catch (cause) {
    if (deadline.aborted) throw new CommonplaceFailure('TIMEOUT', `no answer within ${deadlineMs} ms`, {}, { cause });
    if (cause instanceof SyntaxError)
      throw new CommonplaceFailure('BAD_ANSWER', `what answers at ${url} is no Commonplace broker`, {}, { cause });
    throw new CommonplaceFailure('UNREACHABLE', `nothing answers at ${url}`, {}, { cause });
  }
  if (answer.errors?.length || !answer.data) throw failureFrom(answer.errors ?? []);
  return answer.data;
}

/** Rejects with the reason of the signal when it is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', over);
      resolve();
    }, ms);
    if (signal?.aborted) over();
    else signal?.addEventListener('abort', over, { once: true });
  });
}
