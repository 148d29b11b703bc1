import cliProgress from 'cli-progress';

export interface ProgressState {
  bytes: number;
  lines: number;
  failed: number;
}

export interface Progress {
  update(state: ProgressState): void;
  /** A line of its own, above the bar where there is one. */
  note(text: string): void;
  stop(): void;
}

export interface ProgressStream extends NodeJS.WritableStream {
  isTTY?: boolean;
}

const PLAIN_LINE_EVERY_MS = 5_000;

/** A bar on a terminal; elsewhere, as in a log, a plain line every few seconds. */
export function startProgress(
  totalBytes: number,
  start: ProgressState,
  stream: ProgressStream = process.stderr,
): Progress {
  return stream.isTTY ? barProgress(totalBytes, start, stream) : plainProgress(totalBytes, start, stream);
}

function barProgress(totalBytes: number, start: ProgressState, stream: ProgressStream): Progress {
  const rate = rateSince(start);
  const bar = new cliProgress.SingleBar({
    stream,
    format: '{bar} {percentage}% | {lines} lines | {rate}/s | {failed} failed | {eta_formatted} to go',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    // The import itself ends well on an interrupt; the bar must not have a handler of its own.
    gracefulExit: false,
    etaBuffer: 50,
  });
  const payload = (state: ProgressState) => ({ lines: state.lines, rate: rate(state), failed: state.failed });
  bar.start(Math.max(1, totalBytes), start.bytes, payload(start));
  return {
    update: (state) => bar.update(state.bytes, payload(state)),
    note: (text) => void stream.write(`\r\u001b[2K${text}\n`),
    stop: () => bar.stop(),
  };
}

function plainProgress(totalBytes: number, start: ProgressState, stream: ProgressStream): Progress {
  const rate = rateSince(start);
  let last = Date.now();
  return {
    update: (state) => {
      if (Date.now() - last < PLAIN_LINE_EVERY_MS) return;
      last = Date.now();
      const percent = Math.floor((100 * state.bytes) / Math.max(1, totalBytes));
      stream.write(`${percent}% | ${state.lines} lines | ${rate(state)}/s | ${state.failed} failed\n`);
    },
    note: (text) => void stream.write(`${text}\n`),
    stop: () => undefined,
  };
}

function rateSince(start: ProgressState): (state: ProgressState) => number {
  const began = performance.now();
  return ({ lines }) => Math.round((lines - start.lines) / Math.max(0.001, (performance.now() - began) / 1000));
}
