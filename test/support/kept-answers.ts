import { Clock } from '#kernel';
import { KeptVectors, MemoryIndex, RecallService, TermIndex } from '#memory';
import { PoolVectors } from '../../libs/memory/src/vectors/kept/pool-vectors.js';
import type { Broker } from '../../apps/api/src/broker.js';

type KeptTexts = NonNullable<ReturnType<TermIndex['texts']>>;

/** How often recall asked for kept terms, and how often they answered: what is compared must have been in memory. */
export class KeptAnswers {
  asked = 0;
  answered = 0;
  /** How often they were searched before it was known whether they were as they had been, and how often they were not. */
  foreseen = 0;
  mistaken = 0;

  constructor(terms: TermIndex) {
    const texts = terms.texts.bind(terms);
    terms.texts = (...asked) => {
      const kept = texts(...asked);
      this.asked++;
      return kept && { ...kept, current: this.counted(kept) };
    };
  }

  private async counted({ lastSeen, current }: KeptTexts): KeptTexts['current'] {
    const texts = await current;
    if (texts) this.answered++;
    if (lastSeen) this.foreseen++;
    if (lastSeen && texts !== lastSeen) this.mistaken++;
    return texts;
  }

  /** Whether all that was asked since was answered; and begins anew. */
  takeAll(): boolean {
    const { asked, answered } = this;
    this.asked = this.answered = 0;
    return asked > 0 && asked === answered;
  }
}

/** Kept terms beside the broker's own, without vectors. @param capacity how many memories may be kept */
export const termsOver = (
  { access, database }: Broker,
  capacity: number,
  onError: (error: unknown) => void,
  vectors = new KeptVectors(access, 0, onError),
): TermIndex => new TermIndex(access, database, vectors, capacity, onError);

/** How often the vectors of a pool were compared in memory, from here to its end. */
export class Comparisons {
  count = 0;
  private readonly forEach = PoolVectors.prototype.forEach;

  constructor() {
    const counted = () => this.count++;
    const { forEach } = this;
    PoolVectors.prototype.forEach = function (...asked) {
      counted();
      forEach.apply(this, asked);
    };
  }

  end(): void {
    PoolVectors.prototype.forEach = this.forEach;
  }
}

/** Recall by words as the broker has it, over other kept terms than its own; over none it asks the database. */
export const recallOver = ({ access, usage }: Broker, terms?: TermIndex): RecallService =>
  new RecallService(access, new MemoryIndex(access, undefined, () => undefined), new Clock(), usage, terms);

/** What the broker answers as if it kept nothing. */
export async function withoutKept<Answer>({ terms }: Broker, ask: () => Promise<Answer>): Promise<Answer> {
  const { texts } = terms;
  terms.texts = () => undefined;
  try {
    return await ask();
  } finally {
    terms.texts = texts;
  }
}
