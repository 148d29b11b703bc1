export interface Interrupt {
  signal: AbortSignal;
  release(): void;
}

/** The first SIGINT or SIGTERM asks to stop well; the second, being nobody's any more, ends the process at once. */
export function listenForInterrupt(onInterrupt: () => void): Interrupt {
  const controller = new AbortController();
  const stop = () => {
    release();
    controller.abort();
    onInterrupt();
  };
  const release = () => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, release };
}
