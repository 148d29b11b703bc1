import { batchesOf } from './batches.js';
import { noCounts } from './checkpoint.js';
import { FailureLog } from './failures.js';
import { readLines } from './lines.js';
import { mappedFields, type Mapping } from './mapping.js';
import { type ProgressStream } from './progress.js';
import { finishedSummary, summaryLines, unseenWarnings, type ImportSummary } from './summary.js';

const SHOWN_INPUTS = 3;

export interface DryRunOptions {
  file: string;
  pool: string | undefined;
  mapping: Mapping;
  size: number;
  print: (line: string) => void;
  stream: ProgressStream | undefined;
}

/** Maps and checks every line, shows the first inputs, sends and writes nothing. */
export async function dryRun(options: DryRunOptions): Promise<ImportSummary> {
  const { file, pool, mapping, size, print, stream = process.stderr } = options;
  const began = performance.now();
  const counts = noCounts();
  const unseen = new Set(mappedFields(mapping));
  const failureLog = new FailureLog('', (text) => void stream.write(`${text}\n`));
  const from = { lines: 0, bytes: 0 };
  let shown = 0;
  for await (const batch of batchesOf(readLines(file, from), { mapping, pool, size, from, unseen })) {
    for (const { number, input } of batch.lines.slice(0, SHOWN_INPUTS - shown)) {
      shown++;
      print(`line ${number} becomes ${JSON.stringify(input, null, 2)}`);
    }
    failureLog.tell(batch.failures);
    counts.read += batch.read;
    counts.failed += batch.failures.length;
  }
  const summary: ImportSummary = {
    ...finishedSummary(counts, { seconds: (performance.now() - began) / 1000, read: counts.read }),
    dryRun: true,
    warnings: counts.read > 0 ? unseenWarnings(unseen) : [],
  };
  for (const line of summaryLines(summary)) print(line);
  return summary;
}
