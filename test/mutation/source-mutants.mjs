// Finds what stands between organisations and pools in the services' own statements, and what each would be without it.

/**
 * @typedef {{ id: string, file: string, kind: 'source', start: number, end: number, text: string }} SourceMutant
 * @typedef {{ what: string, find: RegExp, instead: (match: RegExpExecArray) => string, anywhere?: true }} Pattern
 */

/** A parameter, or a value that is written out for the planner. */
const BOUND = String.raw`\$\{[^}]*\}|\$\d+|'\$\{[^}]*\}'`;
const COLUMN = String.raw`(?:\$\{\w+\}\.|\w+\.)?`;

/** A bound value stays bound, with its type: one that is not used would be an error to Postgres, and no finding. */
const bound = (/** @type {string} */ value, /** @type {string} */ type) => `${value}::${type} is not null`;

/** @type {Pattern[]} */
const PATTERNS = [
  {
    what: 'organisation',
    find: new RegExp(String.raw`(?<![\w.}])${COLUMN}org_id = (?:(${BOUND})|\w+\.org_id)`, 'g'),
    instead: ([, value]) => (value ? bound(value, 'uuid') : 'true'),
  },
  {
    what: 'pools',
    find: new RegExp(String.raw`(?<![\w.}])${COLUMN}pool_id = any\((${BOUND})(?:::uuid\[\])?\)`, 'g'),
    instead: ([, value]) => bound(String(value), 'uuid[]'),
  },
  {
    what: 'pool',
    find: new RegExp(String.raw`(?<![\w.}])${COLUMN}pool_id = (?:(${BOUND})|\w+\.pool_id)`, 'g'),
    instead: ([, value]) => (value ? bound(value, 'uuid') : 'true'),
  },
  {
    what: 'pools of the read filter',
    find: /\binPools\([^()]*\)(\(params, alias\))?/g,
    instead: ([, written]) => (written ? `'true'` : 'true'),
  },
  { what: 'the read filter', find: /(?<=\$\{)(?:scope\.)?filter\.where\([^)]*\)(?=\})/g, instead: () => `'true'` },
  {
    what: 'what is visible',
    find: /\bvisible\((?:scope\.)?filter, params, [\w.]+, [\w.]+\)/g,
    instead: () => `'true'`,
  },
  // Not left out: Postgres could no longer tell what the parameters in it are.
  { what: 'what is visible', find: /\$\{(?:seen|shown|readable)\}/g, instead: ([what]) => `((${what}) or true)` },
  {
    what: 'organisation of an entity',
    anywhere: true,
    find: /(findOneBy(?:OrFail)?\(|where: )\{\s*orgId(?:: [\w.]+)?\b,?/g,
    instead: ([, before]) => `${before}{`,
  },
  {
    what: 'organisation of an entity',
    find: /\.where\('\w+\.orgId = :orgId', \{ orgId \}\)/g,
    instead: () => `.where('true')`,
  },
];

/**
 * @param {string} file @param {string} source
 * @returns {SourceMutant[]}
 */
export function sourceMutants(file, source) {
  const patterns = /\.repository\.ts$|\/read-filter\.ts$/.test(file)
    ? PATTERNS
    : PATTERNS.filter(({ anywhere }) => anywhere);
  return patterns.flatMap(({ what, find, instead }) =>
    [...source.matchAll(find)].map((match) => {
      const start = match.index;
      const line = source.slice(0, start).split('\n').length;
      return {
        id: `${file}:${line} ${what}: ${match[0].replaceAll(/\s+/g, ' ')}${nth(source, match)}`,
        file,
        kind: /** @type {const} */ ('source'),
        start,
        end: start + match[0].length,
        text: instead(match),
      };
    }),
  );
}

/** Tells two equal predicates of one line apart. @param {string} source @param {RegExpExecArray} match */
function nth(source, match) {
  const lineStart = source.lastIndexOf('\n', match.index) + 1;
  const before = source.slice(lineStart, match.index).split(match[0]).length;
  return before > 1 ? ` (${before})` : '';
}

/** @param {string} source @param {Pick<SourceMutant, 'start' | 'end' | 'text'>} mutant */
export const withMutant = (source, { start, end, text }) => source.slice(0, start) + text + source.slice(end);

/** Where statements, and predicates of statements, are written. @param {string} file */
export const mayHoldStatements = (file) => /^libs\/.*\.ts$/.test(file) && !/\.spec\.ts$|\/testing\.ts$/.test(file);
