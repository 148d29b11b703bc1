import type { DatabaseKind } from '../database/database.js';
import { dialPostgres } from '../database/notify-line.js';
import { KeptLine, type Dial } from './kept-line.js';
import { dialNats } from './nats-line.js';
import { Pace } from './pace.js';

const EVERY_MS = 10;
/** What is a name in Postgres and a subject in NATS alike. */
const CHANNEL = /^[a-z][a-z0-9_]{0,62}$/;

/** A hint, among replicas, that there is something new to read. Whoever must not miss anything asks the database besides. */
export interface Doorbell {
  /** Says that something was committed. Coalesced; returns at once; never throws. */
  ring(): void;
  /** `listener` is called soon after any replica rang, this one too. One listener is enough. */
  onRing(listener: () => void): void;
  close(): Promise<void>;
}

export interface DoorbellOptions {
  kind: DatabaseKind;
  /** Where Postgres is reached without a pooler that hands connections around; without it, others are not heard. */
  listenUrl?: string;
  /** In place of Postgres. */
  natsUrl?: string;
  /** The replicas of one organisation ring one channel. */
  channel: string;
  /** Once an outage, which hurts nothing. */
  onError: (error: unknown) => void;
}

/** Waits for no connection: there is a doorbell at once, and others are heard as soon as they can be reached. */
export async function openDoorbell(options: DoorbellOptions): Promise<Doorbell> {
  if (!CHANNEL.test(options.channel)) throw new Error(`${options.channel} is not the name of a channel`);
  return new CoalescedDoorbell(options, dialOf(options));
}

function dialOf({ kind, listenUrl, natsUrl, channel }: DoorbellOptions): Dial | undefined {
  // The embedded database has one process, which hears itself.
  if (kind === 'embedded') return undefined;
  if (natsUrl) return dialNats(natsUrl, channel);
  return listenUrl ? dialPostgres(listenUrl, channel) : undefined;
}

class CoalescedDoorbell implements Doorbell {
  private listener: () => void = () => undefined;
  private readonly here: Pace;
  private readonly others: Pace | undefined;
  private readonly line: KeptLine | undefined;

  constructor({ onError }: DoorbellOptions, dial: Dial | undefined) {
    this.here = new Pace(EVERY_MS, () => {
      try {
        this.listener();
      } catch (error) {
        onError(error);
      }
    });
    if (!dial) return;
    const line = new KeptLine(dial, { onHeard: () => this.here.ask(), onError });
    this.others = new Pace(EVERY_MS, () => line.send());
    this.line = line;
  }

  ring(): void {
    this.here.ask();
    this.others?.ask();
  }

  onRing(listener: () => void): void {
    this.listener = listener;
  }

  async close(): Promise<void> {
    this.here.close();
    this.others?.close();
    await this.line?.close();
  }
}
