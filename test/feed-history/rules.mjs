// Who may read what, for the statements that this harness writes. It shares nothing with the product, and throws at
// what it does not understand.

/** @typedef {{ effect: string, roles: string[], actions: string[], pools: string[], where?: any, fields?: string[] | null }} Statement */
/** @typedef {{ type: string, entityId: string | null, labels: string[], held: boolean }} Row what of a memory decides */
/** @typedef {{ pools?: string[] | null, types?: string[] | null, entityId?: string | null }} Input */

/** @param {Statement} statement @param {string} role @param {string} action @param {string} pool */
const speaks = ({ roles, actions, pools }, role, action, pool) =>
  (roles.includes(role) || roles.includes('*')) &&
  actions.includes(action) &&
  (pools.includes(pool) || pools.includes('*'));

/** As SQL has it: null where a null is asked. @param {Statement} statement @param {Row} row @returns {boolean | null} */
function holds({ where }, row) {
  const tests = Object.entries(where ?? {}).flatMap(([field, operators]) =>
    Object.entries(operators).map(([operator, value]) => test(field, operator, value, row)),
  );
  if (tests.includes(false)) return false;
  return tests.includes(null) ? null : true;
}

/** @param {string} field @param {string} operator @param {any} value @param {Row} row @returns {boolean | null} */
function test(field, operator, value, row) {
  if (field === 'labels' && operator === 'contains') return row.labels.includes(value);
  if (field !== 'type' && field !== 'entityId') throw new Error(`the checker knows no condition on ${field}`);
  const given = row[field];
  if (operator !== 'eq' && operator !== 'ne') throw new Error(`the checker knows no ${operator}`);
  if (given === null) return null;
  return (given === value) === (operator === 'eq');
}

/**
 * The statements that allow; none where a deny applies. An allow needs true; a deny applies unless it is false.
 * @param {Statement[]} statements @param {string} role @param {string} action @param {string} pool @param {Row} row
 */
function allowing(statements, role, action, pool, row) {
  const allows = [];
  for (const statement of statements) {
    if (!speaks(statement, role, action, pool)) continue;
    const truth = holds(statement, row);
    if (statement.effect === 'DENY' && statement.fields) throw new Error('the checker knows no denied fields');
    if (statement.effect === 'DENY' && truth !== false) return [];
    if (statement.effect === 'ALLOW' && truth === true) allows.push(statement);
  }
  return allows;
}

/** For somebody who wrote none of it. @param {Statement[]} statements @param {string} role @param {string} pool @param {Row} row */
export function sight(statements, role, pool, row) {
  // What is held is for reviewers; REVIEW hides no field of it.
  const allows = allowing(statements, role, row.held ? 'REVIEW' : 'READ', pool, row);
  const content = allows.some(({ fields }) => row.held || !fields || fields.includes('content'));
  return { reads: allows.length > 0, content };
}

/** Whether any memory of the pool might be read. @param {Statement[]} statements @param {string} role @param {string} pool */
export function readsSomewhere(statements, role, pool) {
  return ['READ', 'REVIEW'].some((action) => {
    const asked = statements.filter((one) => speaks(one, role, action, pool));
    return asked.some(({ effect }) => effect === 'ALLOW') && !asked.some((one) => one.effect === 'DENY' && !one.where);
  });
}

/** Whether a subscription wants it. @param {Input} input @param {string} pool @param {Row} row */
export function isAsked(input, pool, row) {
  if (input.pools && !input.pools.includes(pool)) return false;
  if (input.types && !input.types.includes(row.type)) return false;
  return !input.entityId || row.entityId === input.entityId;
}
