import { type Batch } from './batches.js';
import { type SentBatch } from './sender.js';

interface SentAlong {
  batch: Batch;
  /** Undefined where an interrupt came before the broker answered. */
  answer: Promise<SentBatch | undefined>;
  ties: ReadonlySet<string>;
}

/** Batches that were sent and are not counted yet, in the order of the file. */
export class UnderWay {
  private readonly sent: SentAlong[] = [];

  constructor(private readonly most: number) {}

  get size(): number {
    return this.sent.length;
  }

  /** Whether a batch with such ties has to wait for the oldest: there are enough, or one of them is to be stored before it. */
  holdsBack(ties: ReadonlySet<string>): boolean {
    if (this.sent.length >= this.most) return true;
    return this.sent.some((one) => [...ties].some((tie) => one.ties.has(tie)));
  }

  add(along: SentAlong): void {
    // Asked for later, in the order of the file: until then a failure has nobody who hears of it.
    along.answer.catch(() => undefined);
    this.sent.push(along);
  }

  takeOldest(): SentAlong | undefined {
    return this.sent.shift();
  }

  /** Whatever came of them. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.sent.map(({ answer }) => answer));
  }
}

/**
 * What lines share whose order counts: turns of a session follow each other, of facts about one thing the later one may correct the
 * earlier, and of equal lines the first becomes the memory.
 */
export function tiesOf({ lines }: Batch): Set<string> {
  const ties = new Set<string>();
  for (const { input } of lines)
    for (const name of TYING) {
      const value = input[name];
      // What is no text is refused by the broker, line by line.
      if (typeof value === 'string') ties.add(`${name} ${value}`);
    }
  return ties;
}

const TYING = ['content', 'entityId', 'sessionId', 'idempotencyKey'] as const;
