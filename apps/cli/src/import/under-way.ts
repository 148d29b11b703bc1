import { type Batch, type MappedLine } from './batches.js';
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

  /** Whether the batch has to wait for the oldest: there are enough, or what one of them holds has to be stored before it. */
  holdsBack(batch: Batch): boolean {
    if (this.sent.length >= this.most) return true;
    return this.sent.some(({ ties }) => batch.lines.some((line) => tiesOf(line).some((tie) => ties.has(tie))));
  }

  add(batch: Batch, answer: Promise<SentBatch | undefined>): void {
    // Asked for later, in the order of the file: until then a failure has nobody who hears of it.
    answer.catch(() => undefined);
    this.sent.push({ batch, answer, ties: new Set(batch.lines.flatMap(tiesOf)) });
  }

  takeOldest(): Pick<SentAlong, 'batch' | 'answer'> | undefined {
    return this.sent.shift();
  }
}

/** What orders two lines: turns of a session follow each other, and of equal lines the first becomes the memory. */
function tiesOf({ input: { content, sessionId, idempotencyKey } }: MappedLine): string[] {
  const ties = [`content ${content}`];
  if (sessionId !== undefined) ties.push(`session ${sessionId}`);
  if (idempotencyKey !== undefined) ties.push(`key ${idempotencyKey}`);
  return ties;
}
