// One writer on a connection of its own: transactions that take long, are rolled back in whole or in part, and number
// their events exactly as the product's statement does.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { someAttributes } from './api-writer.mjs';
import { POOLS } from './world.mjs';

/** Memories, the pool's numbers and the events, in one statement. */
const WRITE = `
  with input as (
    select * from jsonb_to_recordset($4::jsonb) as i (id uuid, content text, type text, "entityId" text, labels jsonb, n integer)
  ), stored as (
    insert into memory (org_id, memory_id, pool_id, type, status, content, content_hash, terms, term_count, entity_id, importance,
      labels, author_id, changed_by, created_at, updated_at)
    select $1, i.id, $2, i.type, 'ACTIVE', i.content, sha256(convert_to(i.content, 'UTF8')), '', 0, i."entityId", 2,
      array(select jsonb_array_elements_text(i.labels)), $3, $3, now(), now()
    from input i returning memory_id
  ), numbered as (
    update pool p set seq = p.seq + c.n from (select count(*) as n from stored) c
    where p.org_id = $1 and p.pool_id = $2 returning p.seq - c.n as before
  )
  insert into memory_event (org_id, pool_id, seq, memory_id, kind, occurred_at, policy_version)
  select $1, $2, numbered.before + i.n, i.id, 'MEMORIZED', clock_timestamp(), (select version from policy_head where org_id = $1)
  from input i cross join numbered`;

export class SqlWriter {
  /**
   * @param {number} number @param {string} authorId @param {import('./world.mjs').World} world @param {string} databaseUrl
   * @param {import('./api-writer.mjs').Run} run
   */
  constructor(number, authorId, world, databaseUrl, run) {
    this.number = number;
    this.authorId = authorId;
    this.world = world;
    this.databaseUrl = databaseUrl;
    this.run = run;
    this.made = 0;
    this.stopped = false;
  }

  async live() {
    while (!this.stopped) {
      const client = new pg.Client({ connectionString: this.databaseUrl, connectionTimeoutMillis: 5_000 });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!this.stopped) {
          await this.run.pace();
          await this.transact(client);
        }
      } catch {
        await pause(300); // Postgres was killed; `transact` has told what that leaves open.
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  /** @param {pg.Client} client */
  async transact(client) {
    const { history, random } = this.run;
    const pool = random.one(POOLS);
    /** @type {string[]} */
    const kept = [];
    /** @type {string[]} */
    const undone = [];
    const from = history.now();
    const about = { w: this.number, from, kind: 'MEMORIZED', pool, sql: true };
    let isCommitting = false;
    let commitAt = 0;
    const keeps = random.chance(0.7);
    try {
      await client.query('begin');
      if (random.chance(0.3)) await sleep(client, random.between(0.2, 1));
      kept.push(...(await this.write(client, pool)));
      if (random.chance(0.5)) {
        await client.query('savepoint inner_part');
        const inner = await this.write(client, pool);
        const goesBack = random.chance(0.6);
        (goesBack ? undone : kept).push(...inner);
        if (goesBack) await client.query('rollback to savepoint inner_part');
        if (random.chance(0.5)) kept.push(...(await this.write(client, pool)));
      }
      // Numbers are taken, and the pool's row is locked.
      if (random.chance(0.5)) await sleep(client, random.between(0.2, 2));
      commitAt = history.now();
      isCommitting = true;
      await client.query(keeps ? 'commit' : 'rollback');
    } catch (error) {
      const lost = [...(keeps ? [] : kept), ...undone];
      if (lost.length || !isCommitting)
        history.tell('undone', { ...about, ids: isCommitting ? lost : [...kept, ...undone] });
      if (isCommitting && keeps) history.tell('unknown', { ...about, ids: kept, commitAt, message: String(error) });
      throw error;
    }
    if (keeps) history.tell('wrote', { ...about, ids: kept, commitAt });
    if (undone.length || !keeps) history.tell('undone', { ...about, ids: keeps ? undone : [...kept, ...undone] });
    if (keeps) this.run.written(kept.length);
  }

  /** @param {pg.Client} client @param {string} pool @returns {Promise<string[]>} */
  async write(client, pool) {
    const { random } = this.run;
    const memories = Array.from({ length: 1 + random.below(4) }, (_, place) => ({
      id: randomUUID(),
      content: `writer ${this.number} put in finding ${this.made++}`,
      ...someAttributes(random),
      n: place + 1,
    }));
    const { orgId, poolIds } = this.world;
    await client.query(WRITE, [orgId, poolIds.get(pool), this.authorId, JSON.stringify(memories)]);
    return memories.map(({ id }) => id);
  }
}

/** @param {pg.Client} client @param {number} seconds */
const sleep = (client, seconds) => client.query('select pg_sleep($1)', [seconds]);
