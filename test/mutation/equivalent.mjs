// Mutants that change nothing, each with the reason. One that a test kills all the same is counted as killed.

/** @type {{ id: RegExp, because: string }[]} */
export const EQUIVALENT = [
  {
    id: /recall\.repository\.ts:\d+ organisation: (m\.org_id = v\.org_id|v\.org_id = \$\{)/,
    because:
      'the vector, its memory and the caller are of one organisation by three predicates, of which any two say the third',
  },
  {
    id: /recall\.repository\.ts:\d+ organisation: m\.org_id = \$\{/,
    because: 'visible() says the same of the same row in the same WHERE; it stands in the join for whoever reads it',
  },
  {
    id: /directory\.service\.ts:\d+ organisation of an entity: findOneByOrFail\(\{ orgId,/,
    because: 'reads back, in the same unit, the row that it has just inserted under a new random id',
  },
  {
    id: /review\.repository\.ts:\d+ organisation: copy\.org_id = \$1/,
    because: 'marks, in the same unit, the copy that it has just inserted under a new random id',
  },
  {
    id: /idempotency\.repository\.ts:\d+ organisation: i\.org_id = \$1/,
    because: 'changes rows by their places, which the same statement has found under the organisation',
  },
  {
    id: /usage\.repository\.ts:19 organisation: org_id = \$1/,
    because: 'only locks rows before they are raised, and what is raised is asked for its organisation once more',
  },
  {
    id: /feed\.repository\.ts:\d+ pool: p\.pool_id = known\.pool_id/,
    because:
      'answers pools of the organisation that nobody subscribes to as well: the hub looks them up and finds no audience for them',
  },
  {
    id: /vector-indexes\.repository\.ts:\d+ pool: pool_id = '/,
    because:
      'an index that holds more than its pool costs more, and answers the same: each search names its pool itself',
  },
  {
    id: /^function sec\.append_audit.*h\.org_id = e\.org_id/,
    because:
      'the function runs behind row-level security too: the policy of its role on audit_head names the organisation',
  },
  {
    id: /^function sec\.(blank_hashes|derived_memories).*: the organisation, [siex]\.org_id/,
    because:
      'the function runs behind row-level security too: the policies of its role on these tables name the organisation',
  },
];
