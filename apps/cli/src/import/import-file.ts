import { mkdir } from 'node:fs/promises';
import { BrokerClient, describeError, isPassing } from '../broker-client.js';
import { batchesOf, LARGEST_BATCH, type Batch } from './batches.js';
import {
  donePosition,
  fingerprint,
  idempotencyKeys,
  openCheckpoint,
  stateFiles,
  writeCheckpoint,
} from './checkpoint.js';
import { type Checkpoint, type Counts, type IdempotencyKeys, type StateFiles } from './checkpoint.js';
import { dryRun } from './dry-run.js';
import { FailureLog } from './failures.js';
import { listenForInterrupt } from './interrupt.js';
import { readLines } from './lines.js';
import { mappedFields, parseMapping, type Mapping, type MappingOptions } from './mapping.js';
import { ImportProblem } from './problems.js';
import { startProgress, type Progress, type ProgressStream } from './progress.js';
import { SendStopped, sendBatch, type SentBatch } from './sender.js';
import { tiesOf, UnderWay } from './under-way.js';
import { finishedSummary, summaryLines, unseenWarnings, type ImportSummary } from './summary.js';

/** Three keep broker and database busy at once; more store nothing sooner. */
const PARALLEL = 3;
const MOST_PARALLEL = 8;
/** What was counted since then is sent once more after a kill, and answered as it was. Nothing is sent while a file is written. */
const CHECKPOINT_MS = 200;

export interface ImportOptions extends MappingOptions {
  file: string;
  /** Decides over a pool that a line names itself; without it and without theirs, the pool of the caller's role. */
  pool?: string;
  url: string;
  /** Needed unless dryRun. */
  key?: string;
  /** Lines in one request, 1 to 100. */
  batch?: number | string;
  /** Requests under way at once, 1 to 8. */
  parallel?: number | string;
  /** The folder of the checkpoint and of the failures file; by default that of the input. */
  state?: string;
  dryRun?: boolean;
  restart?: boolean;
  /** For the outcome; console.log unless given. */
  print?: (line: string) => void;
  /** For progress and failures; stderr unless given. */
  stream?: ProgressStream;
  /** In place of SIGINT and SIGTERM. */
  signal?: AbortSignal;
  /** Of one request, in all; patient enough by default for a broker that restarts. */
  attempts?: number;
  backoffMs?: number;
}

/**
 * Sends every line of a JSONL file as a memory and can be stopped and repeated at any point.
 * @throws ImportProblem, with a sentence for people, when it cannot begin or go on.
 */
export async function importFile(options: ImportOptions): Promise<ImportSummary> {
  const mapping = parseMapping(options);
  const size = wholeNumber('batch', options.batch ?? LARGEST_BATCH, LARGEST_BATCH);
  const parallel = wholeNumber('parallel', options.parallel ?? PARALLEL, MOST_PARALLEL);
  const print = options.print ?? ((line: string) => console.log(line));
  const source = await fingerprint(options.file);
  if (options.dryRun)
    return dryRun({ file: options.file, pool: options.pool, mapping, size, print, stream: options.stream });

  if (!options.key) throw new ImportProblem('A key is needed: --key KEY.');
  const client = brokerClient(options, options.key, (text) => run.note(text));
  const files = stateFiles(options.file, options.state);
  if (options.state) await mkdir(options.state, { recursive: true });
  const identity = { pool: options.pool ?? null, url: client.url, mapping, source };
  const checkpoint = await openCheckpoint(files.checkpoint, identity, options.restart ?? false);
  if (checkpoint.complete) return alreadyComplete(checkpoint, files, print);

  const run: ImportRun = new ImportRun({ options, mapping, size, parallel, client, files, checkpoint });
  const summary = await run.toTheEnd();
  for (const line of [...summaryLines(summary), ...run.whatNext()]) print(line);
  return summary;
}

interface RunParts {
  options: ImportOptions;
  mapping: Mapping;
  size: number;
  parallel: number;
  client: BrokerClient;
  files: StateFiles;
  checkpoint: Checkpoint;
}

/** From the checkpoint's place to the end of the file, or to an interrupt. */
class ImportRun {
  private readonly began = performance.now();
  private readonly startLines: number;
  private readonly startRead: number;
  private readonly unseen: Set<string>;
  private readonly progress: Progress;
  private readonly failureLog: FailureLog;
  private readonly keys: IdempotencyKeys;
  private checkpointAt = performance.now();
  private interrupted = false;
  private unanswered = false;

  constructor(private readonly parts: RunParts) {
    const { checkpoint, options, mapping, files } = parts;
    this.keys = idempotencyKeys(checkpoint);
    this.startLines = checkpoint.linesDone;
    this.startRead = checkpoint.counts.read;
    this.unseen = new Set(mappedFields(mapping));
    this.progress = startProgress(checkpoint.source.size, this.state(), options.stream);
    this.failureLog = new FailureLog(files.failures, (text) => this.progress.note(text));
  }

  note(text: string): void {
    this.progress.note(text);
  }

  async toTheEnd(): Promise<ImportSummary> {
    const { checkpoint, options } = this.parts;
    const own = options.signal
      ? undefined
      : listenForInterrupt(() => this.note('Stopping after what is under way; once more stops at once.'));
    try {
      if (this.startLines > 0) this.note(`Going on after line ${this.startLines}.`);
      await this.keepPlace();
      await this.failureLog.rewindTo(checkpoint.failuresBytes);
      await this.sendAll(options.signal ?? (own as { signal: AbortSignal }).signal);
      checkpoint.complete = !this.interrupted;
      await this.keepPlace();
    } catch (error) {
      const unkept: unknown = await this.keepPlace().catch((failure: unknown) => failure);
      throw this.stopped(unkept ?? error);
    } finally {
      own?.release();
      this.progress.stop();
    }
    return this.summary();
  }

  whatNext(): string[] {
    const { checkpoint, files } = this.parts;
    const failed = checkpoint.counts.failed > 0 ? [`The failed lines are in ${files.failures}.`] : [];
    if (!this.interrupted) return [...failed, `Complete; ${files.checkpoint} remembers it.`];
    return [...failed, `Interrupted after line ${checkpoint.linesDone}; the same command goes on from there.`];
  }

  private async sendAll(signal: AbortSignal): Promise<void> {
    const { options, mapping, size, parallel, checkpoint } = this.parts;
    const from = donePosition(checkpoint);
    const batches = batchesOf(readLines(options.file, from), {
      mapping,
      pool: options.pool,
      size,
      from,
      unseen: this.unseen,
    });
    const stop = new AbortController();
    signal.addEventListener('abort', () => stop.abort(), { signal: stop.signal });
    if (signal.aborted) stop.abort();
    const underWay = new UnderWay(parallel);
    try {
      for await (const batch of batches) {
        const ties = tiesOf(batch);
        // Until a line is taken one request is enough to hear that none of them is.
        while (underWay.size > 0 && (underWay.holdsBack(ties) || this.nothingTaken())) await this.countOldest(underWay);
        if (signal.aborted) this.interrupted = true;
        if (this.interrupted) break;
        underWay.add({ batch, ties, answer: this.send(batch, stop.signal) });
      }
      while (underWay.size > 0) await this.countOldest(underWay);
    } finally {
      // What is still under way after a failure is not tried again: nobody counts it, and the next run sends it once more.
      stop.abort();
      if (underWay.size > 0) this.note('Stopping; waiting for what is under way.');
      await underWay.settled();
    }
  }

  /**
   * In the order of the file, so that the checkpoint has one place: what follows a batch without an answer is sent once more by
   * the next run, and answered as it was now.
   */
  private async countOldest(underWay: UnderWay): Promise<void> {
    const oldest = underWay.takeOldest();
    const sent = await oldest?.answer;
    if (!sent) this.interrupted = this.unanswered = true;
    else if (oldest && !this.unanswered) await this.acknowledge(oldest.batch, sent);
  }

  private nothingTaken(): boolean {
    const { counts } = this.parts.checkpoint;
    return counts.read === counts.failed;
  }

  /** Undefined when an interrupt came while the broker could not be had. */
  private async send(batch: Batch, signal: AbortSignal): Promise<SentBatch | undefined> {
    const { client, options } = this.parts;
    try {
      return await sendBatch(client, batch.lines, {
        keys: this.keys,
        stopRetrying: signal,
        backoffMs: options.backoffMs,
        nothingTaken: this.nothingTaken(),
      });
    } catch (error) {
      if (signal.aborted && (error instanceof SendStopped || isPassing(error))) return undefined;
      throw error;
    }
  }

  private async acknowledge(batch: Batch, sent: SentBatch): Promise<void> {
    const { checkpoint } = this.parts;
    const failures = [...batch.failures, ...sent.failures].sort((one, other) => one.line - other.line);
    checkpoint.failuresBytes += await this.failureLog.add(failures);
    checkpoint.linesDone = batch.end.lines;
    checkpoint.bytesDone = batch.end.bytes;
    count(checkpoint.counts, batch, sent);
    if (performance.now() - this.checkpointAt > CHECKPOINT_MS) await this.keepPlace();
    this.progress.update(this.state());
  }

  private async keepPlace(): Promise<void> {
    const { checkpoint, files } = this.parts;
    await writeCheckpoint(files.checkpoint, checkpoint);
    this.checkpointAt = performance.now();
  }

  private state() {
    const { linesDone, bytesDone, counts } = this.parts.checkpoint;
    return { lines: linesDone, bytes: bytesDone, failed: counts.failed };
  }

  private stopped(error: unknown): ImportProblem {
    const { linesDone } = this.parts.checkpoint;
    const place =
      linesDone > 0
        ? `Stopped after line ${linesDone}; the same command goes on from there. Lines behind it that are stored already are not stored again.`
        : 'No line is acknowledged yet; the same command begins again.';
    return new ImportProblem(`${describeError(error)}\n${place}`, { cause: error });
  }

  private summary(): ImportSummary {
    const { counts } = this.parts.checkpoint;
    const seconds = (performance.now() - this.began) / 1000;
    const read = counts.read - this.startRead;
    return {
      ...finishedSummary(counts, { seconds, read }),
      resumedAfter: this.startLines,
      complete: !this.interrupted,
      interrupted: this.interrupted,
      warnings: read > 0 ? unseenWarnings(this.unseen) : [],
    };
  }
}

function count(counts: Counts, batch: Batch, sent: SentBatch): void {
  counts.read += batch.read;
  counts.failed += batch.failures.length + sent.failures.length;
  for (const outcome of sent.outcomes) {
    if (outcome === 'DUPLICATE') counts.duplicate++;
    else if (outcome === 'PROPOSED') counts.proposed++;
    else if (outcome === 'QUARANTINED') counts.quarantined++;
    else counts.created++;
  }
}

function brokerClient(options: ImportOptions, key: string, note: (text: string) => void): BrokerClient {
  const toldUntil = new Map<string, number>();
  return new BrokerClient({
    url: options.url,
    key,
    attempts: options.attempts ?? 12,
    backoffMs: options.backoffMs,
    onRetry: (error, waitMs) => {
      // All that is under way meets a broker that is away: once is enough to hear of it.
      if (performance.now() < (toldUntil.get(error.code) ?? 0)) return;
      toldUntil.set(error.code, performance.now() + waitMs);
      note(`${describeError(error)}; trying again in ${(waitMs / 1000).toFixed(1)} s`);
    },
  });
}

function alreadyComplete(checkpoint: Checkpoint, files: StateFiles, print: (line: string) => void): ImportSummary {
  const summary = finishedSummary(checkpoint.counts, { seconds: 0, read: 0 });
  for (const line of summaryLines(summary)) print(line);
  print(
    `Nothing to do: the file was imported completely, says ${files.checkpoint}. --restart sends it again; what is stored already is answered DUPLICATE.`,
  );
  return { ...summary, resumedAfter: checkpoint.linesDone };
}

function wholeNumber(option: string, given: number | string, most: number): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new ImportProblem(`--${option} is a number from 1 to ${most}, not ${given}.`);
}
