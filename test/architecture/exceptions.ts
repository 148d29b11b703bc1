/** Where a rule does not hold, and why: files, and folders with a slash at the end. An entry that is no longer needed fails the test. */
export const EXCEPTIONS: Record<string, Record<string, string>> = {
  'SQL stands in repositories and migrations': {
    'libs/platform/src/database/':
      'begins and ends the transactions in which repositories speak, and looks at the server itself',
    'libs/access/src/policy/read-filter.ts':
      'compiles a policy to a predicate; the statement around it stands in a repository',
    'libs/access/src/policy/condition-sql.ts':
      'compiles a condition to a predicate, which read-filter.ts puts together',
    'libs/access/src/policy/row-table.ts': 'a table for specs, in a Postgres of its own',
    'libs/memory/src/read/metadata-filter.ts':
      "compiles a client's filter to a predicate; the statement around it stands in a repository",
  },
  'only platform/database speaks to Postgres': {
    'bench/cost/': 'compares the broker with its own SQL through pg, without the broker',
    'libs/access/src/policy/row-table.ts': 'a table for specs, in a Postgres of its own',
  },
  'a room is entered by its door': {
    'bench/': 'measures what lies behind the doors, such as the compiling of a policy',
  },
  'process.env is read in platform/config alone': {
    'bench/main.ts': 'BENCH_DATABASE_URL is of the benchmarks, not of the broker',
    'apps/cli/src/main.ts':
      'COMMONPLACE_URL and COMMONPLACE_KEY are of the commands that call a broker, not of the broker',
  },
  'only the command line writes to the console': {
    'bench/main.ts': 'is a command line, too',
  },
};

/** What is over its budget, with the size it has: it may shrink and not grow, and leaves the list when it fits. */
export const OVER_BUDGET: Record<string, number> = {
  // The parameters are graphql-ws's.
  'apps/api/src/streams/websocket.ts#onNext': 5,
  'libs/access/src/policy/default-policy.ts#allow': 5,
  'libs/access/src/policy/equivalence.spec.ts#anonymous': 5,
};
