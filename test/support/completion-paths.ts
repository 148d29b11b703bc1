import type { PolicyWorld, StoredFact } from './policy-world.js';
import { COMMON } from './policy-world.js';
import { ids, normal, own, OWN, sortById, type Outcome, type View, type Visit } from './read-views.js';

/** As many as an answer is put together from, and as a prompt holds. */
const MOST_PROCEDURES = 5;
const MOST_RECALLED = 20;

interface Completed {
  text: string;
  source: string;
  memories: View[];
  recalled: View[];
}

const COMPLETE = `mutation ($input: CompleteInput!) { complete(input: $input) { text source memories { ${OWN} } recalled { ${OWN} } } }`;

/** What a task may be told of: what its caller would recall. */
const findable = ({ oracle }: Visit, fact: StoredFact) =>
  fact.status === 'ACTIVE' && oracle.sees(fact) && oracle.shows('content', fact);

/** By a model that answers with its prompt, or without one: nothing but what the caller may recall, each with where it comes from. */
export async function completed(visit: Visit): Promise<Outcome[]> {
  const { world, client, oracle } = visit;
  const { complete } = await client.ask<{ complete: Completed }>(COMPLETE, {
    input: { task: `What of the ${COMMON}?` },
  });
  const hasModel = complete.source === 'LLM';
  const all = world.facts.filter(
    (fact) => findable(visit, fact) && (hasModel || fact.attributes['type'] === 'PROCEDURAL'),
  );
  const told = hasModel ? complete.recalled : complete.memories;
  const shown = all.filter(({ id }) => told.some((memory) => memory.id === id));
  const roleOf = new Map(world.members.map(({ id, role }) => [id, role]));
  const originOf = (fact: StoredFact) => {
    const author = oracle.shows('author', fact) ? `a ${roleOf.get(fact.authorId)}` : 'an author who is not shown';
    return `${fact.pool.key}, by ${author}, ${fact.id}`;
  };
  const inText = world.facts.filter(({ words }) => words.some((word) => complete.text.includes(word)));
  const heard = {
    count: told.length,
    told: sortById(told.map((memory) => normal(memory) as View)),
    inText: ids(inText),
    withoutOrigin: shown.filter((fact) => !complete.text.includes(originOf(fact))).map(originOf),
    isNone: complete.source === 'NONE',
  };
  const expected = {
    count: Math.min(all.length, hasModel ? MOST_RECALLED : MOST_PROCEDURES),
    told: sortById(shown.map((fact) => own(visit, fact))),
    inText: ids(shown),
    withoutOrigin: [],
    isNone: !hasModel && all.length === 0,
  };
  return [{ heard, expected, shown: all, of: world.facts }];
}

const extractionOf = new WeakMap<PolicyWorld, Map<string, string>>();

/** To each member, as if all that there is had been learnt from one conversation of theirs. */
export async function learnEverything(world: PolicyWorld): Promise<void> {
  const { database, access } = world.api.broker;
  const found = new Map<string, string>();
  for (const { id } of world.members) {
    const { rows } = await database.maintenance<{ id: string }>(
      `insert into extraction (org_id, extraction_id, principal_id, pool_id, status, input_hash)
       select $1, gen_random_uuid(), $2, pool_id, 'SUCCEEDED', 'x' from pool where key = 'shared' returning extraction_id as id`,
      [access.orgId, id],
    );
    const extraction = rows[0]?.id as string;
    for (const part of ['TURN', 'DERIVED', 'SUPERSEDED'])
      await database.maintenance(
        `insert into extraction_memory (org_id, extraction_id, principal_id, part, place, memory_id)
         select $1, $2, $3, $4, row_number() over (order by memory_id), memory_id from memory`,
        [access.orgId, extraction, id, part],
      );
    found.set(id, extraction);
  }
  extractionOf.set(world, found);
}

/** Of one's own, what may still be read; of another's, not that it is there. */
export async function extracted(visit: Visit): Promise<Outcome[]> {
  const { world, client, member, oracle, random } = visit;
  const known = extractionOf.get(world) as Map<string, string>;
  const fields = `turns { ${OWN} } derived { ${OWN} } superseded { ${OWN} }`;
  const other = random.one(world.members.filter(({ id }) => id !== member.id));
  const query = `{ mine: extraction(id: "${known.get(member.id)}") { ${fields} } other: extraction(id: "${known.get(other.id)}") { id } }`;
  type Lists = Record<'turns' | 'derived' | 'superseded', View[]>;
  const { mine, other: others } = await client.ask<{ mine: Lists; other: unknown }>(query);
  const shown = sortById(world.facts.filter((fact) => oracle.sees(fact)));
  const views = shown.map((fact) => own(visit, fact));
  const heard = {
    others,
    lists: [mine.turns, mine.derived, mine.superseded].map((list) => sortById(list.map((one) => normal(one) as View))),
  };
  return [{ heard, expected: { others: null, lists: [views, views, views] }, shown, of: world.facts }];
}

const ERASE = 'mutation ($id: ID!) { erase(input: {id: $id}) { ids } }';
const NOBODY = '01990000-0000-7000-8000-000000000000';

/** What is hidden is as what is not there; what is seen and may not be forgotten is refused. Nothing else is tried: it would be gone. */
export async function refusedErasures({ world, client, oracle, member, random }: Visit): Promise<Outcome[]> {
  const unheard = world.api.admin.as(client.key);
  const isOwn = ({ authorId }: StoredFact) => authorId === member.id;
  const isRefused = (fact: StoredFact) =>
    !oracle.sees(fact) || (fact.status !== 'FORGOTTEN' && !oracle.may('FORGET', fact) && !isOwn(fact));
  const refusable = world.facts.filter((fact) => !fact.expired && isRefused(fact));
  // Of each kind apart: most of what is refused is not seen, and chance alone took too few that are.
  const ofKind = (isSeen: boolean) => refusable.filter((fact) => oracle.sees(fact) === isSeen);
  const asked = [true, false].flatMap((isSeen) => random.some(ofKind(isSeen), 3));
  const missing = await unheard.send(ERASE, { id: NOBODY });
  return Promise.all(
    asked.map(async (fact): Promise<Outcome> => {
      const answer = await unheard.send(ERASE, { id: fact.id });
      const isSeen = oracle.sees(fact);
      const heard = isSeen ? answer.errors?.[0]?.extensions.code : answer;
      return { heard, expected: isSeen ? 'FORBIDDEN' : missing, shown: isSeen ? [fact] : [], of: [fact] };
    }),
  );
}
