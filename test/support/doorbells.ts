import { openDoorbell, type Doorbell, type DoorbellOptions } from '#platform';

const HEARD_WITHIN_MS = 45_000;
const QUIET_MS = 300;

/** A doorbell, and how often its listener was called. */
export class HeardDoorbell {
  rings = 0;
  readonly errors: unknown[] = [];

  private constructor(readonly bell: Doorbell) {
    bell.onRing(() => (this.rings += 1));
  }

  static async open(options: Omit<DoorbellOptions, 'channel' | 'onError'>): Promise<HeardDoorbell> {
    const errors: unknown[] = [];
    const bell = await openDoorbell({
      channel: 'commonplace_test',
      onError: (error) => errors.push(error),
      ...options,
    });
    return Object.assign(new HeardDoorbell(bell), { errors });
  }

  /** Once it is connected it rings once, for what it may have missed; then it is quiet. */
  static async connected(options: Omit<DoorbellOptions, 'channel' | 'onError'>): Promise<HeardDoorbell> {
    const doorbell = await HeardDoorbell.open(options);
    await doorbell.hears();
    await doorbell.quiet();
    return doorbell;
  }

  /** @throws where nothing rings in time. */
  async hears(more = 1): Promise<void> {
    const wanted = this.rings + more;
    await eventually(() => this.rings >= wanted);
  }

  /** Waits until nothing has rung for a while. */
  async quiet(): Promise<void> {
    for (let before = -1; before !== this.rings;) {
      before = this.rings;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    }
  }
}

/** @throws where it does not come true in time. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + HEARD_WITHIN_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${HEARD_WITHIN_MS} ms: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
