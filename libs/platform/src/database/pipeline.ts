import type pg from 'pg';

interface Shared {
  readonly client: pg.PoolClient;
  units: number;
  failure: Error | undefined;
}

/** A unit's place on a connection, until it leaves it. */
export interface Place {
  readonly client: pg.PoolClient;
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

  /** Whether the next unit would be sent behind another. */
  get isUnderWay(): boolean {
    return this.free !== undefined;
  }

  /** On a connection of its own where there is none to follow, or where others wait for one: it must be given back at last. */
  async enter(pool: pg.Pool): Promise<Place> {
    const shared = this.takeFree(pool) ?? { client: await pool.connect(), units: 0, failure: undefined };
    shared.units++;
    return {
      client: shared.client,
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

  private takeFree(pool: pg.Pool): Shared | undefined {
    const shared = pool.waitingCount === 0 ? this.free : undefined;
    if (shared) this.free = undefined;
    return shared;
  }
}
