import type pg from 'pg';

interface Shared {
  readonly client: pg.PoolClient;
  readonly pool: pg.Pool;
  units: number;
  failure: Error | undefined;
}

/** A unit's place on a connection, until it leaves it. */
export interface Place {
  readonly client: pg.PoolClient;
  /** Its statements wait for the end of a unit before it. */
  readonly isBehind: boolean;
  /** From now on the next unit may be sent behind this one. */
  hasSentAll: () => void;
  /** @param failure why nothing can be sent on the connection any more */
  leave: (failure?: Error) => void;
}

/**
 * Units that follow each other on one connection: the next is sent behind one that has sent all it has to send, and Postgres turns
 * to it without waiting for anybody. A failed unit rolls back alone; one that waits for a lock keeps all behind it waiting.
 */
export class Pipeline {
  private free: Shared | undefined;

  /** Whether the next unit would be sent behind another. Where somebody waits for a connection, this one must be given back at last. */
  get isUnderWay(): boolean {
    return this.free !== undefined && this.free.pool.waitingCount === 0 && !this.free.pool.ending;
  }

  /** On a connection of its own where there is none to follow. */
  async enter(pool: pg.Pool): Promise<Place> {
    const before = this.isUnderWay ? this.free : undefined;
    if (before) this.free = undefined;
    const shared = before ?? { client: await pool.connect(), pool, units: 0, failure: undefined };
    shared.units++;
    return {
      client: shared.client,
      isBehind: before !== undefined,
      hasSentAll: () => {
        if (!shared.failure) this.free = shared;
      },
      leave: (failure) => {
        shared.units--;
        shared.failure ??= failure;
        const isLast = shared.units === 0;
        if (this.free === shared && (isLast || shared.failure)) this.free = undefined;
        if (isLast) shared.client.release(shared.failure);
      },
    };
  }
}
