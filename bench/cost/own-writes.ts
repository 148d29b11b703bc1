import { DEFAULT_LANGUAGE } from '#access';
import { Clock, newId } from '#kernel';
import { contentHash, parseMemorize } from '../../libs/memory/src/memorize/memorize-command.js';
import { valuesOf, type NewMemory, type Write } from '../../libs/memory/src/memorize/memorize.repository.js';
import type { Captured, Flights } from './capture.js';

/** Where {@link valuesOf} puts what all memories of a statement share. */
const SHARED = { orgId: 0, authorId: 16, now: 17, policyVersion: 18, authorRole: 20, pools: 21 };

const storesMemories = ({ name }: Captured): boolean => name?.startsWith('memorize_') ?? false;

/**
 * What the broker sent for a write to one pool, from begin to commit, for other memories: its units can be replayed any number of times,
 * and each stores something new.
 */
export class OwnWrites {
  private readonly write: Write;

  /** @param flights of a write that stored all it was given */
  constructor(private readonly flights: Flights) {
    const values = flights.flat().find(storesMemories)?.values;
    if (!values) throw new Error('no statement that stores memories was captured');
    const shared = Object.entries(SHARED).map(([name, at]) => [name, values[at]]);
    this.write = { status: 'ACTIVE', ...Object.fromEntries(shared) } as Write;
  }

  of(contents: readonly string[]): Flights {
    const values = valuesOf(
      this.write,
      contents.map((content) => this.memory(content)),
    );
    return this.flights.map((flight) => flight.map((one) => (storesMemories(one) ? { ...one, values } : one)));
  }

  private memory(content: string): NewMemory {
    const command = parseMemorize({ content, type: 'EPISODIC' }, 'input', new Clock());
    const pool = { id: this.write.pools[0] as string, language: DEFAULT_LANGUAGE };
    return { id: newId(), pool, hash: contentHash(command), command };
  }
}
