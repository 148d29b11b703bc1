import { DEFAULT_LANGUAGE } from '#access';
import { Clock, newId } from '#kernel';
import { contentHash, parseMemorize } from '../../libs/memory/src/memorize/memorize-command.js';
import { valuesOf, type NewMemory, type Write } from '../../libs/memory/src/memorize/memorize.repository.js';
import type { Captured } from './capture.js';
import type { RawConnections } from './raw.repository.js';
import type { CapturedWrite } from './second-broker.js';

/** Where {@link valuesOf} puts what all memories of a statement share. */
const SHARED = { orgId: 0, authorId: 16, now: 17, policyVersion: 18, authorRole: 20, pools: 21 };

const storesMemories = ({ name }: Captured): boolean => name?.startsWith('memorize_') ?? false;

/**
 * What the broker sent for a write to one pool, from begin to commit, for other memories: its unit can be replayed any number of times,
 * and each stores something new.
 */
export class OwnWrites {
  private readonly unit: readonly Captured[];
  private readonly write: Write;

  /** @param captured a write that stored all it was given, in one flight */
  constructor(private readonly captured: CapturedWrite) {
    const [unit, ...more] = captured.flights;
    const values = unit?.find(storesMemories)?.values;
    if (!unit || !values || more.length > 0) throw new Error('what was captured is no unit of one flight that stores');
    const shared = Object.entries(SHARED).map(([name, at]) => [name, values[at]]);
    this.unit = unit;
    this.write = { status: 'ACTIVE', ...Object.fromEntries(shared) } as Write;
  }

  /** The statements of a unit that stores these. */
  of(contents: readonly string[]): Captured[] {
    const memories = contents.map((content) => this.memory(content));
    const values = valuesOf(this.write, memories);
    return this.unit.map((statement) => (storesMemories(statement) ? { ...statement, values } : statement));
  }

  private memory(content: string): NewMemory {
    const command = parseMemorize({ content, type: 'EPISODIC' }, 'input', new Clock());
    const pool = { id: this.captured.poolId, language: DEFAULT_LANGUAGE };
    return { id: newId(), pool, hash: contentHash(command), command };
  }
}

/** In one write to the socket, as the broker sends it. @returns how many memories were stored */
export async function replayOwn(raw: RawConnections, unit: readonly Captured[], worker: number): Promise<number> {
  const stored = unit.findIndex(storesMemories);
  const answers = await raw.sendTogether(unit, worker);
  return answers[stored] ?? 0;
}
