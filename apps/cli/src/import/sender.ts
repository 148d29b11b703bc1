import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerError, type BrokerClient } from '../broker-client.js';
import { type LineFailure, type MappedLine } from './batches.js';
import { type IdempotencyKeys } from './checkpoint.js';
import { ImportProblem } from './problems.js';

export type Outcome = 'CREATED' | 'DUPLICATE' | 'PROPOSED' | 'QUARANTINED';

export interface SentBatch {
  outcomes: Outcome[];
  failures: LineFailure[];
}

export interface SendOptions {
  keys: IdempotencyKeys;
  stopRetrying?: AbortSignal | undefined;
  /** The first wait before lines that the broker could not take just now are sent again; it doubles. */
  backoffMs?: number | undefined;
  /** No line of this import was taken so far: the same refusal of all of them is about the command, not about them. */
  nothingTaken?: boolean;
}

/** What of the lines is to blame for a refusal was not looked for any more. */
export class SendStopped extends Error {}

type LineAnswer = { outcome: Outcome } | { code: string; message: string };

interface MemorizeManyPayload {
  results: { outcome: Outcome }[];
  failures: { index: number; code: string; message: string }[];
}

export const MEMORIZE_MANY = `mutation ImportLines($inputs: [MemorizeInput!]!, $key: String) {
  memorizeMany(inputs: $inputs, idempotencyKey: $key) { results { outcome } failures { index code message } }
}`;

/** Refusals of a whole request that one line alone may have caused. */
const CAUSED_BY_SOME_LINE = new Set(['BAD_INPUT', 'BAD_USER_INPUT', 'TOO_LARGE']);
const FOR_NOW = new Set(['RATE_LIMITED', 'UNAVAILABLE']);
const NO_ACCESS = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'QUOTA_EXCEEDED', 'ACCESS_REVOKED']);
const ROUNDS = 6;

/**
 * Sends the lines in their order. What fails for now is sent again and never counted as a failure of the line.
 * @throws BrokerError when the broker cannot be had; ImportProblem when it refuses every line for lack of access.
 */
export async function sendBatch(client: BrokerClient, batch: MappedLine[], options: SendOptions): Promise<SentBatch> {
  const lines = haveKeys(batch) ? batch.map((line) => withKey(line, options.keys)) : batch;
  const answers = await sendHalving(client, lines, options);
  const places = lines.map((_, index) => index);
  for (let round = 1; ; round++) {
    const again = places.filter((index) => isForNow(answers[index]));
    if (again.length === 0) break;
    const first = answers[again[0] ?? 0];
    const failure = first && 'code' in first ? new BrokerError(first.code, first.message) : undefined;
    if (failure && (round >= ROUNDS || options.stopRetrying?.aborted)) throw failure;
    const wait = (options.backoffMs ?? 500) * 2 ** (round - 1);
    await sleep(wait, undefined, { signal: options.stopRetrying }).catch(() => Promise.reject(failure));
    // Under one key they are all sent again: what was stored is answered as it was, and so is what was stored without an answer.
    const sent = haveKeys(lines) ? again : places;
    const resent = await sendHalving(client, pick(lines, sent), options);
    sent.forEach((index, place) => {
      const answer = resent[place];
      if (answer) answers[index] = answer;
    });
  }
  refuseWithoutAccess(lines, answers, options.nothingTaken);
  return sorted(lines, answers);
}

/** Where some bring a key of their own, each has one; else the request has it. */
const haveKeys = (lines: MappedLine[]): boolean => lines.some(({ input }) => input.idempotencyKey !== undefined);

const withKey = (line: MappedLine, { ofLine }: IdempotencyKeys): MappedLine => ({
  ...line,
  input: { ...line.input, idempotencyKey: line.input.idempotencyKey ?? ofLine(line) },
});

const isForNow = (answer: LineAnswer | undefined): boolean =>
  answer !== undefined && 'code' in answer && FOR_NOW.has(answer.code);

const pick = (lines: MappedLine[], places: number[]): MappedLine[] => places.flatMap((place) => lines[place] ?? []);

/** One request; where the request as a whole is refused, its halves, until the line that is to blame stands alone. */
async function sendHalving(client: BrokerClient, lines: MappedLine[], options: SendOptions): Promise<LineAnswer[]> {
  if (lines.length === 0) return [];
  try {
    return await sendOnce(client, lines, options);
  } catch (error) {
    if (!(error instanceof BrokerError) || !CAUSED_BY_SOME_LINE.has(error.code)) throw error;
    if (lines.length === 1) return [{ code: error.code, message: error.message }];
    if (options.stopRetrying?.aborted) throw new SendStopped();
    const middle = lines.length >> 1;
    const before = await sendHalving(client, lines.slice(0, middle), options);
    return [...before, ...(await sendHalving(client, lines.slice(middle), options))];
  }
}

async function sendOnce(client: BrokerClient, lines: MappedLine[], options: SendOptions): Promise<LineAnswer[]> {
  const { memorizeMany } = await client.request<{ memorizeMany: MemorizeManyPayload }>(
    MEMORIZE_MANY,
    { inputs: lines.map(({ input }) => input), ...(!haveKeys(lines) && { key: options.keys.ofRequest(lines) }) },
    { repeatable: true, stopRetrying: options.stopRetrying },
  );
  const failures = new Map(memorizeMany.failures.map(({ index, code, message }) => [index, { code, message }]));
  const results = memorizeMany.results.values();
  const answers = lines.flatMap((_, index) => failures.get(index) ?? results.next().value ?? []);
  if (answers.length !== lines.length || !results.next().done) {
    throw new BrokerError(
      'BAD_ANSWER',
      `memorizeMany answered ${memorizeMany.results.length} results and ${failures.size} failures for ${lines.length} inputs`,
    );
  }
  return answers;
}

/** A wrong pool or key would fail every line to the end; better to stop, with all of them still to be done. */
function refuseWithoutAccess(lines: MappedLine[], answers: LineAnswer[], nothingTaken = false): void {
  const [first] = answers;
  if (lines.length < 2 || first === undefined || !('code' in first)) return;
  if (!answers.every((answer) => 'code' in answer && answer.code === first.code)) return;
  const saysTheSame = answers.every((answer) => 'code' in answer && gist(answer.message) === gist(first.message));
  if (!NO_ACCESS.has(first.code) && !(nothingTaken && saysTheSame)) return;
  // Where lines name sources, it may be those of each line that are not there.
  if (first.code !== 'FORBIDDEN' && lines.some(({ input }) => input.derivedFrom?.length)) return;
  throw new ImportProblem(
    `The broker refused every line of a batch, so none of them is counted as done: ${first.code}: ${first.message}`,
  );
}

/** Without the places in it, as of `inputs.3.pool`. */
const gist = (message: string): string => message.replace(/\d+/g, '');

function sorted(lines: MappedLine[], answers: LineAnswer[]): SentBatch {
  const sent: SentBatch = { outcomes: [], failures: [] };
  lines.forEach(({ number, text }, index) => {
    const answer = answers[index];
    if (answer && 'outcome' in answer) sent.outcomes.push(answer.outcome);
    else if (answer) sent.failures.push({ line: number, ...answer, source: text });
  });
  return sent;
}
