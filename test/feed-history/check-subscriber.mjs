// What one subscriber was told, in its order: each delivery as it comes, and what was owed and never came.
import { isHeld } from './facts.mjs';
import { isAsked } from './rules.mjs';

/** @typedef {import('./history.mjs').Line} Line */
/** @typedef {import('./facts.mjs').Facts} Facts */
/** @typedef {import('./facts.mjs').Logged} Logged */
/** @typedef {import('./facts.mjs').Fact} Fact */

/** Neither the client's choice, nor what a kill or an edit of the policy may do. */
const WRONG_ENDS = ['CURSOR_EXPIRED', 'INTERNAL', 'UNAUTHENTICATED', 'QUOTA_EXCEEDED', 'no code', 'complete'];

export class SubscriberCheck {
  /** @param {Line} line @param {Facts} facts @param {import('./verdict.mjs').Verdict} verdict */
  constructor({ s, role, input }, facts, verdict) {
    this.name = `subscriber ${s} (${role})`;
    this.role = /** @type {string} */ (role);
    this.input = /** @type {import('./rules.mjs').Input} */ (input);
    this.facts = facts;
    this.verdict = verdict;
    this.connection = 0;
    this.cursor = '';
    this.version = 0;
    /** By pool, on this connection. @type {Map<string, number>} */
    this.last = new Map();
    /** Since the cursor that it began from: what came. @type {Map<string, Map<number, number>>} pool, number, version */
    this.came = new Map();
    /** Every message since then: when it came, and under which version. @type {{ at: number, version: number }[]} */
    this.messages = [];
    this.beganAt = Infinity;
  }

  /** @param {Line} line */
  take(line) {
    if (line.k === 'd') this.delivery(line);
    else if (line.k === 'begin') this.begin(line);
    else if (line.k === 'connect') this.connect(line);
    else if (line.k === 'ended') this.ended(line);
  }

  /** A new cursor, after a list: what lies between is the list's to tell. @param {Line} line */
  begin({ t, from, cursor }) {
    this.end(false);
    this.came = new Map();
    this.messages = [{ at: t, version: this.facts.oldestAt(from) }];
    this.beganAt = t;
    this.cursor = cursor;
  }

  /** @param {Line} line */
  connect({ c, after }) {
    this.verdict.count('connections');
    this.connection = c;
    this.version = 0;
    this.last = new Map();
    if (after !== this.cursor)
      this.verdict.violation('harness', `${this.name} went on from another cursor than its last`);
  }

  /** @param {Line} line */
  ended({ code, detail }) {
    this.verdict.count(`ended: ${code}`);
    if (WRONG_ENDS.includes(code)) this.verdict.violation('ended', `${this.name}: ${code} ${detail}`);
  }

  /** @param {Line} line */
  delivery(line) {
    const { t, id, e: kind, h, v: version } = line;
    this.cursor = h;
    this.messages.push({ at: t, version });
    if (version < this.version) this.verdict.count('an older policy version behind a newer one');
    this.version = Math.max(this.version, version);
    if (kind === 'CHECKPOINT' || kind === 'SCOPE_CHANGED') return this.verdict.count(kind);
    this.verdict.count('deliveries');
    const event = this.facts.byId.get(id);
    const memory = event && this.facts.memories.get(event.memoryId);
    if (!event || !memory) return this.wrong('alien', line, 'no event of the log has this id');
    const { pool, seq } = event;
    if (line.p !== pool || line.m !== event.memoryId || kind !== event.kind)
      return this.wrong('altered', line, `the log has ${event.kind} of ${event.memoryId} in ${pool}`);
    const before = this.last.get(pool) ?? 0;
    if (seq <= before) this.wrong('order', line, `number ${seq} of ${pool} came behind ${before}`);
    this.last.set(pool, Math.max(before, seq));
    const came = this.came.get(pool) ?? new Map();
    this.came.set(pool, came);
    if (came.has(seq)) this.verdict.count('repeats');
    else came.set(seq, version);
    return this.content(line, event, memory);
  }

  /** Whether it might be told, in this form, under the version that it names. @param {Line} line @param {Logged} event @param {Fact} memory */
  content(line, event, memory) {
    const { v: version, o: shown } = line;
    const states = shown?.status
      ? [isHeld(shown.status)]
      : memory.proposed && !memory.held
        ? [true, false]
        : [memory.held];
    const sights = states.map((held) => this.facts.sightAt(version, this.role, event.pool, { ...memory, held }));
    if (!sights.some(({ reads }) => reads)) this.unreadable(line, event, memory, states);
    if (!isAsked(this.input, event.pool, { ...memory, held: false }))
      this.wrong('unasked', line, 'it passes no filter');
    const since = this.facts.supersededAt(version);
    if (event.notBefore > since + this.facts.margin)
      this.wrong(
        'stale',
        line,
        `written ${Math.round(event.notBefore - since)} ms after policy ${version} was superseded`,
      );
    if (shown === undefined) return;
    if (shown === null) {
      if (memory.status !== 'FORGOTTEN') this.wrong('hollow', line, 'its memory was not forgotten');
      return;
    }
    if (event.kind === 'FORGOTTEN') this.wrong('forbidden', line, 'what was forgotten is shown');
    if (sights.some(({ reads }) => reads) && !sights.some(({ content }) => content) && shown.content !== null)
      this.wrong('forbidden', line, `policy ${version} hides the content`);
    const { type, entityId, labels, content } = shown;
    if (labels && JSON.stringify([...labels].sort()) !== JSON.stringify(memory.labels))
      this.wrong('altered', line, 'labels');
    if (type && (type !== memory.type || entityId !== memory.entityId)) this.wrong('altered', line, 'type or entity');
    const known = [memory.content, ...memory.earlier];
    if (content !== null && memory.status !== 'FORGOTTEN' && !known.includes(content))
      this.wrong('altered', line, 'its memory never had this content');
  }

  /**
   * By the version that it names; where one that was in force meanwhile does show it, nothing has leaked but what a reading for
   * others saw, and the version it bears is not the one that this subscriber was admitted under.
   * @param {Line} line @param {Logged} event @param {Fact} memory @param {boolean[]} states
   */
  unreadable(line, event, memory, states) {
    const versions = this.facts.versionsBetween(line.v, line.t);
    const isShown = versions.some((version) =>
      states.some((held) => this.facts.sightAt(version, this.role, event.pool, { ...memory, held }).reads),
    );
    this.wrong(isShown ? 'older version' : 'forbidden', line, `policy ${line.v} does not show it`);
  }

  /** @param {string} kind @param {Line} line @param {string} why */
  wrong(kind, { t, c, e, id }, why) {
    this.verdict.violation(kind, `${this.name}, connection ${c}, at ${Math.round(t)} ms: ${e} ${id}: ${why}`);
  }

  /** What was owed since it began. @param {boolean} isLast whether the subscriber was let go on to the head of the log */
  end(isLast) {
    if (this.beganAt === Infinity) return;
    for (const [pool, events] of this.facts.log) {
      if (this.input.pools && !this.input.pools.includes(pool)) continue;
      this.owed(pool, events, isLast);
    }
  }

  /** @param {string} pool @param {Logged[]} events @param {boolean} isLast */
  owed(pool, events, isLast) {
    const came = this.came.get(pool) ?? new Map();
    const numbers = [...came.keys()].sort((a, b) => a - b);
    // Whatever was committed behind the cursor, and whatever lies behind what was delivered.
    const behind = firstAfter(events, this.beganAt + this.facts.margin);
    const first = Math.min(behind, numbers[0] ?? Infinity);
    const end = isLast ? (events.at(-1)?.seq ?? 0) : (numbers.at(-1) ?? 0);
    for (let seq = end, next = this.facts.lastVersion; seq >= first; seq--) {
      const event = events[seq - 1];
      const memory = event && this.facts.memories.get(event.memoryId);
      const version = came.get(seq);
      next = Math.min(next, version ?? next);
      if (!event || !memory || !isAsked(this.input, pool, { ...memory, held: false })) continue;
      if (!this.isOwed(event, memory, numbers, next)) continue;
      this.verdict.count('owed');
      if (version === undefined)
        this.verdict.violation(
          'lost',
          `${this.name}: ${event.kind} ${event.id}, number ${seq} of ${pool}, was never told`,
        );
    }
  }

  /**
   * Whether each version that may have been in force when the subscriber's place passed the event shows it, and none has
   * taken the pool away since its place in it was known: a place that was lost begins anew, and the client lists.
   * @param {Logged} event @param {Fact} memory @param {number[]} numbers that came @param {number} next the newest version that it may have been read under
   */
  isOwed(event, memory, numbers, next) {
    const { facts, role } = this;
    const from = facts.oldestAt(event.notBefore);
    const to = Math.max(from, next);
    const states = !memory.proposed || event.seq >= memory.openFrom ? [false] : memory.held ? [true] : [true, false];
    if (!states.every((held) => facts.showsAlways(role, memory, held, from, to))) return false;
    return facts.readsAlways(role, event.pool, this.anchor(event, numbers), to);
  }

  /** The newest version under which its place in the pool is known to have been before the event. @param {Logged} event @param {number[]} numbers */
  anchor(event, numbers) {
    const message = lastBefore(this.messages, event.notBefore - this.facts.margin, ({ at }) => at)?.version ?? 1;
    const number = lastBefore(numbers, event.seq, (one) => one);
    return Math.max(message, (number !== undefined && this.came.get(event.pool)?.get(number)) || 0);
  }
}

/** The number of the first event that can only have been committed after `t`. @param {Logged[]} events @param {number} t */
function firstAfter(events, t) {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {Logged} */ (events[middle]).notBefore <= t) low = middle + 1;
    else high = middle;
  }
  return events[low]?.seq ?? Infinity;
}

/** @template T @param {T[]} list in ascending order @param {number} limit @param {(item: T) => number} of @returns {T | undefined} */
function lastBefore(list, limit, of) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(/** @type {T} */ (list[middle])) < limit) low = middle + 1;
    else high = middle;
  }
  return list[low - 1];
}
