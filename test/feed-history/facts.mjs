// What a history says happened, but for the deliveries: the log with its numbers, the memories, the policy over time.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readsSomewhere, sight } from './rules.mjs';

/** @typedef {import('./history.mjs').Line} Line */
/** @typedef {import('./rules.mjs').Row} Row */
/** @typedef {{ pool: string, seq: number, memoryId: string, kind: string, id: string, notBefore: number }} Logged */
/** @typedef {{ pool: string, type: string, entityId: string | null, labels: string[], status: string, held: boolean, content: string | null, earlier: string[], proposed: boolean, openFrom: number, key: string }} Fact */

/** Clocks are read in turn, and one of them tells milliseconds. */
const MARGIN_MS = 5;
const HELD = ['PROPOSED', 'REJECTED', 'QUARANTINED'];

/** The id that events have in common however often they are told: UUIDv5. @param {string} namespace @param {string} name */
export function idOf(namespace, name) {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export class Facts {
  constructor() {
    /** @type {Line[]} */
    this.writes = [];
    /** @type {Map<number, Line>} */
    this.subscribers = new Map();
    /** @type {Map<string, number>} pool key to the number on the pool's row */
    this.heads = new Map();
    /** @type {Map<string, string>} */
    this.poolIds = new Map();
    /** By pool, in order. @type {Map<string, Logged[]>} */
    this.log = new Map();
    /** @type {Map<string, Logged>} */
    this.byId = new Map();
    /** @type {Map<string, Fact>} */
    this.memories = new Map();
    /** @type {Map<number, any[]>} */
    this.policies = new Map();
    /** When a version was known to be in force, by version. @type {Map<number, number>} */
    this.knownAt = new Map();
    /** When it was asked for. @type {Map<number, number>} */
    this.askedAt = new Map();
    /** @type {Map<string, number>} */
    this.counts = new Map();
    this.epoch = '';
    this.margin = MARGIN_MS;
    /** @type {Map<string, Int32Array>} */
    this.refusals = new Map();
    this.firstVersion = 1;
    this.lastVersion = 1;
    /** @type {{ version: number, at: number }[]} */
    this.timeline = [];
    /** @type {Line[]} */
    this.walls = [];
    /** @type {Line[]} */
    this.rows = [];
  }

  /** @param {Line} line */
  take(line) {
    const { k } = line;
    this.counts.set(k, (this.counts.get(k) ?? 0) + 1);
    if (k === 'wrote' || k === 'unknown' || k === 'undone') this.writes.push(line);
    else if (k === 'sub') this.subscribers.set(line.s, line);
    else if (k === 'wall') this.walls.push(line);
    else if (k === 'epoch') this.epoch = line.epoch;
    else if (k === 'policy') this.policies.set(line.v, line.statements);
    else if (k === 'edited') {
      this.knownAt.set(line.version, Math.min(line.t, this.knownAt.get(line.version) ?? Infinity));
      if (line.what !== 'seen afterwards') this.askedAt.set(line.version, line.from);
    } else if (k === 'head') {
      this.heads.set(line.p, line.n);
      this.poolIds.set(line.p, line.id);
    } else if (k === 'memory') this.memories.set(line.m, factOf(line));
    else if (k === 'log') this.rows.push(line);
  }

  /** Once all is there. */
  settle() {
    const [first, last] = [/** @type {Line} */ (this.walls[0]), /** @type {Line} */ (this.walls.at(-1))];
    this.margin = MARGIN_MS + Math.abs(last.wall - last.t - first.wall);
    this.lastVersion = Math.max(...this.policies.keys());
    let known = Infinity;
    for (let version = this.lastVersion; version >= 1; version--) {
      // Where nobody was told of a version, it was in force at the latest when its successor was.
      known = Math.min(known, this.knownAt.get(version) ?? Infinity);
      if (known < Infinity) this.timeline.unshift({ version, at: known });
    }
    this.firstVersion = Math.min(...this.knownAt.keys());
    this.number(first.wall);
  }

  /** @param {number} wall */
  number(wall) {
    /** @type {Map<string, number>} */
    const commitAt = new Map();
    for (const { ids, commitAt: at } of this.writes) if (at) for (const id of ids) commitAt.set(id, at);
    for (const { p, n, m, e, at } of this.rows) {
      const events = this.log.get(p) ?? [];
      this.log.set(p, events);
      // A pool's numbers are in the order of commits: none was seen before any of those in front of it.
      const before = events.at(-1)?.notBefore ?? 0;
      const own = Math.max(at - wall, e === 'MEMORIZED' ? (commitAt.get(m) ?? 0) : 0);
      const id = idOf(this.epoch, `${this.poolIds.get(p)}:${n}`);
      const event = { pool: p, seq: n, memoryId: m, kind: e, id, notBefore: Math.max(before, own) };
      events.push(event);
      this.byId.set(id, event);
      const memory = this.memories.get(m);
      if (!memory) continue;
      if (e === 'PROPOSED') memory.proposed = true;
      if (e === 'REVIEWED' && !memory.held) memory.openFrom = n;
    }
  }

  /** The oldest version that may have been in force then. @param {number} t */
  oldestAt(t) {
    let low = 0;
    let high = this.timeline.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {{ at: number }} */ (this.timeline[middle]).at <= t - this.margin) low = middle + 1;
      else high = middle;
    }
    return this.timeline[low - 1]?.version ?? 1;
  }

  /** Those behind `version` that may have been in force by then. @param {number} version @param {number} t @returns {number[]} */
  versionsBetween(version, t) {
    const later = [...this.policies.keys()].filter((one) => one > version);
    return later.filter((one) => (this.askedAt.get(one) ?? 0) <= t);
  }

  /** When a newer version than this one was known to be in force. @param {number} version */
  supersededAt(version) {
    const next = this.timeline.find((one) => one.version > version);
    return next ? next.at : Infinity;
  }

  /** @param {number} version @param {string} role @param {string} pool @param {Row} row */
  sightAt(version, role, pool, row) {
    return sight(this.policies.get(version) ?? [], role, pool, row);
  }

  /** Whether every version of `from`…`to` shows the memory. @param {string} role @param {Fact} fact @param {boolean} held @param {number} from @param {number} to */
  showsAlways(role, fact, held, from, to) {
    const row = { ...fact, held };
    return this.never(
      `${role}|${held}|${fact.key}`,
      from,
      to,
      (statements) => !sight(statements, role, fact.pool, row).reads,
    );
  }

  /** @param {string} role @param {string} pool @param {number} from @param {number} to */
  readsAlways(role, pool, from, to) {
    return this.never(`${role}|${pool}`, from, to, (statements) => !readsSomewhere(statements, role, pool));
  }

  /** @param {string} key @param {number} from @param {number} to @param {(statements: any[]) => boolean} refuses */
  never(key, from, to, refuses) {
    let sums = this.refusals.get(key);
    if (!sums) {
      sums = new Int32Array(this.lastVersion + 2);
      for (let v = 1; v <= this.lastVersion; v++)
        sums[v + 1] = /** @type {number} */ (sums[v]) + (refuses(this.policies.get(v) ?? []) ? 1 : 0);
      this.refusals.set(key, sums);
    }
    return sums[Math.min(to, this.lastVersion) + 1] === sums[Math.max(from, 1)];
  }
}

/** @param {Line} line @returns {Fact} */
function factOf({ p, type, entityId, labels, status, held, o, earlier }) {
  const sorted = [...labels].sort();
  return {
    pool: p,
    type,
    entityId,
    labels: sorted,
    status,
    held: held || HELD.includes(status),
    content: o,
    earlier,
    proposed: false,
    openFrom: Infinity,
    key: JSON.stringify([p, type, entityId, sorted]),
  };
}

/** @param {string} status */
export const isHeld = (status) => HELD.includes(status);
