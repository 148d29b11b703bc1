import type { Principal } from '#access';
import { Clock, CommonplaceError } from '#kernel';
import type pg from 'pg';
import type { Item, Manner } from '../../libs/memory/src/memorize/batch.js';
import { parseMemorize, type MemorizeInput } from '../../libs/memory/src/memorize/memorize-command.js';
import { SingleWrites } from '../../libs/memory/src/memorize/single-writes.js';
import type { Memorized } from '../../libs/memory/src/memory.js';

export const caller = (id: string, keyId = 'key'): Principal => ({
  ...{ orgId: 'org', id, keyId, kind: 'AGENT', name: 'an agent', role: 'coder', tokenExpiresAt: null },
});

export function itemOf(content: string, pool: string | null = 'coder', more: Partial<MemorizeInput> = {}): Item {
  const command = parseMemorize({ content, pool, type: 'DECLARATIVE', ...more }, 'input', new Clock());
  return { index: 0, command, vectors: [], status: 'ACTIVE' };
}

/** Contents with which the whole unit is given up. */
const GIVEN_UP_WITH: Record<string, string> = {
  locked: '57014',
  'in use': '55P03',
  'in use too': '55P03',
  lost: '08006',
};
/** The longest that a timer takes. */
const WITHOUT_END = 2 ** 31 - 1;

const POOL = { waitingCount: 0, connect: async () => ({ release: () => undefined }) } as unknown as pg.Pool;

/** A store whose writes end when they are let go, in which some contents fail. */
export class SlowStore {
  readonly batches: string[][] = [];
  readonly writes: SingleWrites;
  failRepeats = false;
  /** Whether units end with their statement, so that others may follow. */
  pipelined = false;
  onStore: (manner: Manner) => void = () => undefined;
  private readonly ends: (() => void)[] = [];

  constructor(patienceMs = WITHOUT_END) {
    const store = async (_: Principal, items: Item[], manner: Manner) => {
      const place = this.pipelined ? await manner.waits?.pipeline?.enter(POOL) : undefined;
      place?.hasSentAll();
      this.onStore(manner);
      await this.store(items, manner).finally(() => place?.leave());
    };
    const isOneStatement = (_: Principal, items: readonly Item[]) =>
      items.every(({ command }) => !command.idempotencyKey);
    this.writes = new SingleWrites({ store, isOneStatement }, patienceMs);
  }

  private async store(items: Item[], { repeats }: Manner): Promise<void> {
    this.batches.push(items.map(({ command }) => command.content.slice(0, 20)));
    await new Promise<void>((resolve) => this.ends.push(resolve));
    if (repeats === 'stored' && this.failRepeats) throw new Error('a fault of ours');
    for (const { command } of items) {
      if (command.content === 'poison') throw Object.assign(new Error('refused'), { code: '22021', severity: 'ERROR' });
      if (command.content === 'fault') throw new Error('a fault of ours');
      if (command.content === 'unreachable') throw Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
    }
    const state = GIVEN_UP_WITH[items.find(({ command }) => command.content in GIVEN_UP_WITH)?.command.content ?? ''];
    const cause = Object.assign(new Error(), { code: state, severity: 'ERROR' });
    const error = new CommonplaceError('UNAVAILABLE', 'gave up', {}, { cause });
    for (const item of items) {
      item.error = state ? error : undefined;
      const isStored = repeats === 'stored' || !item.command.content.startsWith('repeat');
      item.result = !item.error && isStored ? ({} as Memorized) : undefined;
      if (item.command.content === 'forbidden') item.error = new CommonplaceError('FORBIDDEN', 'not you');
    }
  }

  letGo(nth: number): void {
    this.ends.splice(nth, 1)[0]?.();
  }

  async letAllGo(): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.ends.length > 0) quiet = 0;
      this.ends.shift()?.();
    }
  }
}

/** @returns how the write ended: its error's message, or done */
export const outcomeOf = (store: SlowStore, who: Principal, item: Item): Promise<string> =>
  store.writes.write(who, item).then(
    () => item.error?.message ?? 'done',
    (error: Error) => error.message,
  );

export async function outcomes(store: SlowStore, writes: [Principal, Item][]): Promise<string[]> {
  const pending = writes.map(([who, item]) => outcomeOf(store, who, item));
  await store.letAllGo();
  return Promise.all(pending);
}
