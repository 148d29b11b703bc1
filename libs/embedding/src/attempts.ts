import { Attempts, type Manners } from '#models';
import { EMBEDDER, type Patience } from './embedder.js';

/** A hundred texts in the background take a model on a processor longer than one query. */
const PATIENCE: Record<Patience, number> = { 'somebody waits': 1, 'nobody waits': 10 };
/** Who did not answer in time would only be given more to do. */
const MANNERS: Manners = { ...EMBEDDER, firstPauseMs: 100, again: ['AWAY'] };

/** Of one embedder, with the time that the caller has. */
export class EmbedderAttempts {
  private readonly attempts: Attempts;

  constructor(
    private readonly timeoutMs: number,
    random?: () => number,
  ) {
    this.attempts = new Attempts(MANNERS, random);
  }

  /** @throws EmbedderError */
  async run<Answer>(patience: Patience, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    return (await this.attempts.run(this.timeoutMs * PATIENCE[patience], ask)).answer;
  }
}
