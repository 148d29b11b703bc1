// Finds the walls in a migrated database, whichever migration built them, and the SQL that takes one of them down.

/**
 * @typedef {{ id: string, kind: 'table' | 'policy' | 'function', sql: string }} CatalogueMutant
 * @typedef {(text: string) => Promise<Record<string, any>[]>} Ask
 */

/** @param {Ask} ask @returns {Promise<CatalogueMutant[]>} */
export async function catalogueMutants(ask) {
  return [...(await tables(ask)), ...(await policies(ask)), ...(await functions(ask))];
}

/** @param {Ask} ask @returns {Promise<CatalogueMutant[]>} */
async function tables(ask) {
  const rows =
    await ask(`select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id'
    where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace order by 1`);
  return rows.flatMap(({ name }) => [
    { id: `table ${name}: FORCE`, kind: 'table', sql: `alter table ${name} no force row level security` },
    { id: `table ${name}: ENABLE`, kind: 'table', sql: `alter table ${name} disable row level security` },
  ]);
}

/** Each condition of each clause. @param {Ask} ask @returns {Promise<CatalogueMutant[]>} */
async function policies(ask) {
  const rows = await ask(`select tablename as "table", policyname as name, clause, condition from pg_policies
    cross join lateral (values ('using', qual), ('with check', with_check)) as c (clause, condition)
    where schemaname = 'public' and condition is not null and condition <> 'true'
      and not ('commonplace_definer' = any (roles)) order by 1, 2, 3`);
  return rows.flatMap(({ table, name, clause, condition }) =>
    weakened(condition).map(({ what, rest }) => ({
      id: `policy ${table} ${name} ${clause}: ${what}`,
      kind: 'policy',
      sql: `alter policy ${name} on ${table} ${clause} (${rest})`,
    })),
  );
}

/** @param {string} condition @returns {{ what: string, rest: string }[]} */
function weakened(condition) {
  const parts = conjuncts(condition);
  const left = parts.map((part, place) => ({
    what: nameOf(part),
    rest: parts.filter((_, other) => other !== place).join(' and ') || 'true',
  }));
  const inner = [...condition.matchAll(/\(\w+\.org_id = \w+\.org_id\)/g)].map((match) => ({
    what: `inside, ${match[0]}`,
    rest: condition.slice(0, match.index) + 'true' + condition.slice(match.index + match[0].length),
  }));
  return [...left, ...inner];
}

/** @param {string} part */
function nameOf(part) {
  if (/^\(?exists/i.test(part)) return 'of a memory in sight';
  if (/sec\.fence/.test(part)) return 'the fence';
  if (/app\.pools/.test(part)) return 'the pools in reach';
  if (/app\.org/.test(part)) return 'the organisation';
  return part.replaceAll(/\s+/g, ' ').slice(0, 80);
}

/** What an AND on the outermost level joins. @param {string} condition */
export function conjuncts(condition) {
  const text = withoutBrackets(condition);
  const parts = [];
  let [depth, from, quoted] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "'") quoted = !quoted;
    if (quoted) continue;
    if (text[at] === '(') depth++;
    if (text[at] === ')') depth--;
    if (depth === 0 && text.startsWith(' AND ', at)) {
      parts.push(text.slice(from, at));
      from = at + ' AND '.length;
    }
  }
  return [...parts, text.slice(from)];
}

/** @param {string} text */
function withoutBrackets(text) {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')') depth--;
    if (depth === 0) return at === text.length - 1 && text[0] === '(' ? text.slice(1, -1) : text;
  }
  return text;
}

const SETTING = (/** @type {string} */ name) => String.raw`nullif\(current_setting\('app\.${name}', true\), ''\)`;

/** @type {{ what: string, find: RegExp, instead: string }[]} */
const IN_FUNCTIONS = [
  {
    what: 'the organisation',
    find: new RegExp(String.raw`\b(?:\w+\.)?org_id = (?:${SETTING('org')}::uuid|[\w.]+)`, 'g'),
    instead: 'true',
  },
  {
    what: 'the pools in reach',
    find: new RegExp(
      String.raw`coalesce\((?:\w+\.)?pool_id = any \(\(select ${SETTING('pools')}::uuid\[\]\)::uuid\[\]\), false\)`,
      'g',
    ),
    instead: 'true',
  },
  {
    what: 'the pools',
    find: /\b(?:\w+\.)?pool_id = (?:any ?\(\w+\)|(?!any\b)[a-z_]\w*(?:\.\w+)?)(?![\w(])/g,
    instead: 'true',
  },
  { what: 'the fence', find: /\(select sec\.fence\(\)\)/g, instead: 'true' },
  { what: 'the fence', find: /(?<=return |perform )sec\.fence\(\)/g, instead: 'true' },
  {
    what: 'a version',
    find: new RegExp(String.raw`\bhead\.\w+ is distinct from ${SETTING(String.raw`\w+`)}::integer`, 'g'),
    instead: 'false',
  },
  { what: 'the end of the policy', find: /\bvalid_until <= clock_timestamp\(\)/g, instead: 'false' },
  {
    what: 'the end of the key',
    find: /\bk\.revoked_at is null|\bk\.expires_at > clock_timestamp\(\)/g,
    instead: 'true',
  },
];

/** Each condition in each function, and the search_path of those that run with their owner's rights. @param {Ask} ask */
async function functions(ask) {
  const rows =
    await ask(`select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as text, p.prosecdef and p.proconfig is not null as pinned
    from pg_proc p where p.pronamespace = 'sec'::regnamespace order by 1`);
  return rows.flatMap(({ name, text, pinned }) => [
    ...IN_FUNCTIONS.flatMap((pattern) => withoutEach(name, text, pattern)),
    ...(pinned ? [pathMutant(name)] : []),
  ]);
}

/** @param {string} name @returns {CatalogueMutant} */
const pathMutant = (name) => ({
  id: `function ${name}: search_path`,
  kind: 'table',
  sql: `alter function ${name} reset search_path`,
});

/**
 * @param {string} name @param {string} text @param {{ what: string, find: RegExp, instead: string }} pattern
 * @returns {CatalogueMutant[]}
 */
function withoutEach(name, text, { what, find, instead }) {
  return [...text.matchAll(find)].map((match, place) => ({
    id: `function ${name}: ${what}, ${match[0].replaceAll(/\s+/g, ' ').slice(0, 60)} (${place + 1})`,
    kind: 'function',
    sql: text.slice(0, match.index) + instead + text.slice(match.index + match[0].length),
  }));
}
