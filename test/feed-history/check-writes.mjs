// Whether the log holds what was acknowledged, once; nothing that was undone; and numbers without a hole.

/** @typedef {import('./facts.mjs').Facts} Facts */
/** @typedef {import('./verdict.mjs').Verdict} Verdict */

const FIRST = ['MEMORIZED', 'PROPOSED'];

/** @param {Facts} facts @param {Verdict} verdict */
export function checkWrites(facts, verdict) {
  checkNumbers(facts, verdict);
  const logged = countLogged(facts);
  const told = countTold(facts);
  for (const [key, { least, most }] of told.byEvent) {
    const found = logged.get(key) ?? 0;
    if (found < least)
      verdict.violation('unlogged', `${key} was acknowledged ${least} times and is logged ${found} times`);
    else if (found > most)
      verdict.violation('logged twice', `${key} is logged ${found} times, and was asked for ${most} times`);
  }
  for (const [key, found] of logged) {
    const [memoryId, kind] = /** @type {[string, string]} */ (key.split(' '));
    if (told.undone.has(memoryId)) verdict.violation('undone', `${key} was rolled back, and is in the log`);
    else if (!told.byEvent.has(key) && !isExplained(facts, told, memoryId))
      verdict.violation('unexplained', `${key} is logged ${found} times, and nobody is known to have asked for it`);
    if (FIRST.includes(kind) && found !== 1) verdict.violation('logged twice', `${key}: ${found} times`);
  }
  for (const memoryId of facts.memories.keys()) {
    if (told.undone.has(memoryId)) verdict.violation('undone', `memory ${memoryId} was rolled back, and is there`);
    if (!FIRST.some((kind) => logged.has(`${memoryId} ${kind}`)))
      verdict.violation('silent', `memory ${memoryId} is there, and the log never told of it`);
  }
  checkWhole(facts, logged, verdict);
}

/** @param {Facts} facts @param {Verdict} verdict */
function checkNumbers(facts, verdict) {
  for (const [pool, head] of facts.heads) {
    const events = facts.log.get(pool) ?? [];
    verdict.count('events in the log', events.length);
    const gap = events.findIndex(({ seq }, place) => seq !== place + 1);
    if (gap >= 0) verdict.violation('hole', `${pool}: number ${events[gap]?.seq} is where ${gap + 1} should be`);
    else if (events.length !== head)
      verdict.violation('hole', `${pool}: ${events.length} events, and the pool says ${head}`);
  }
}

/** @param {Facts} facts */
function countLogged(facts) {
  /** @type {Map<string, number>} */
  const logged = new Map();
  for (const events of facts.log.values())
    for (const { memoryId, kind } of events) {
      const key = `${memoryId} ${kind}`;
      logged.set(key, (logged.get(key) ?? 0) + 1);
    }
  return logged;
}

/** What the writers say of it. @param {Facts} facts */
function countTold(facts) {
  /** @type {Map<string, { least: number, most: number }>} */
  const byEvent = new Map();
  /** @type {Set<string>} */
  const undone = new Set();
  /** Contents of which nobody knows whether they were stored. @type {Set<string>} */
  const doubtful = new Set();
  for (const { k, kind, ids, asked } of facts.writes) {
    for (const one of asked ?? []) doubtful.add(one.content);
    for (const id of ids ?? []) {
      if (k === 'undone') {
        undone.add(id);
        continue;
      }
      const key = `${id} ${kind}`;
      const { least, most } = byEvent.get(key) ?? { least: 0, most: 0 };
      byEvent.set(key, { least: least + (k === 'wrote' ? 1 : 0), most: most + 1 });
    }
  }
  return { byEvent, undone, doubtful };
}

/** @param {Facts} facts @param {ReturnType<typeof countTold>} told @param {string} memoryId */
function isExplained(facts, { doubtful }, memoryId) {
  const memory = facts.memories.get(memoryId);
  return !!memory && [memory.content, ...memory.earlier].some((content) => content !== null && doubtful.has(content));
}

/** A transaction of which nobody knows the end is there whole, or not at all. @param {Facts} facts @param {Map<string, number>} logged @param {Verdict} verdict */
function checkWhole(facts, logged, verdict) {
  for (const { k, kind, ids } of facts.writes) {
    if (k === 'wrote') verdict.count('acknowledged writes', ids.length);
    if (k === 'undone') verdict.count('writes rolled back', ids.length);
    if (k === 'unknown') verdict.count('requests and transactions with an unknown end');
    if (k !== 'unknown' || kind !== 'MEMORIZED' || !ids) continue;
    const there = ids.filter((/** @type {string} */ id) => logged.has(`${id} ${kind}`)).length;
    if (there > 0 && there < ids.length)
      verdict.violation('torn', `${there} of ${ids.length} of one transaction: ${ids[0]}`);
  }
}
