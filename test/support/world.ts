import { startTestApi, type TestApi } from './api.js';
import { memorize, TYPES } from './memories.js';
import { gatherTeam, mayDo, whilePlannersWriteForInterns, type Member, type Team } from './team.js';

/** One memory that was stored, and a word that stands in no other. */
export interface Fact {
  id: string;
  pool: string;
  author: string;
  status: 'ACTIVE' | 'PROPOSED' | 'FORGOTTEN';
  word: string;
  sources: Fact[];
  /** Words of earlier versions. */
  before: string[];
}

/** Stands in everything that is stored. */
export const COMMON = 'ledger';

const WRITERS = {
  shared: ['planner', 'reviewer'],
  planner: ['planner'],
  coder: ['coder', 'annie'],
  reviewer: ['reviewer'],
  tester: ['tester', 'ben'],
  annie: ['annie'],
  ben: ['ben'],
};

/** A team under the default policy, with memories of every type in every pool. */
export class World {
  readonly facts: Fact[] = [];

  private constructor(
    readonly api: TestApi,
    readonly team: Team,
  ) {}

  static async make(): Promise<World> {
    const api = await startTestApi();
    const world = new World(api, await gatherTeam(api));
    for (const [pool, authors] of Object.entries(WRITERS)) {
      for (const author of authors) await world.seed(pool, author, 'ACTIVE');
    }
    for (const author of ['coder', 'tester', 'annie']) await world.seed('shared', author, 'PROPOSED');
    await whilePlannersWriteForInterns(api, () => world.seed('intern', 'planner', 'ACTIVE'));
    return world;
  }

  member(name: string): Member {
    return this.team.members[name] as Member;
  }

  async store(
    pool: string,
    author: string,
    status: Fact['status'],
    input: Record<string, unknown> = {},
    sources: Fact[] = [],
  ): Promise<Fact> {
    const word = `zq${(this.facts.length + 100).toString(36)}${pool}${author}`;
    const given = { pool: this.team.keyOf(pool), derivedFrom: sources.map(({ id }) => id), content: sentence(word) };
    const id = await memorize(this.member(author).client, { ...input, ...given });
    const fact: Fact = { id, pool, author, status, word, sources, before: [] };
    this.facts.push(fact);
    return fact;
  }

  async seed(pool: string, author: string, status: Fact['status']): Promise<void> {
    const about = { entityId: `entity-${pool}`, labels: [`label-${pool}`] };
    for (const type of TYPES) await this.store(pool, author, status, { ...about, type });
  }

  /** A memory in the pool of the author's role, made from one in three of all that its author can see. */
  async derive(author: string): Promise<void> {
    const member = this.member(author);
    const sources = this.facts.filter((fact, place) => sees(member, fact) && place % 3 === 0);
    await this.store(member.role, author, 'ACTIVE', { type: 'DECLARATIVE' }, sources);
  }

  async revise(fact: Fact): Promise<void> {
    fact.before.unshift(fact.word);
    fact.word = `${fact.word}again`;
    const input = { id: fact.id, expectedVersion: fact.before.length, content: sentence(fact.word) };
    await this.member(fact.author).client.ask(REVISE, { input });
  }

  async forget(fact: Fact): Promise<void> {
    fact.status = 'FORGOTTEN';
    await this.member(fact.author).client.ask(FORGET, { id: fact.id });
  }

  /** The nth that an author wrote in a pool. */
  fact(pool: string, author: string, nth: number): Fact {
    return this.facts.filter((fact) => fact.pool === pool && fact.author === author)[nth] as Fact;
  }
}

export const REVISE = 'mutation ($input: ReviseInput!) { revise(input: $input) { id version } }';
export const FORGET = 'mutation ($id: ID!) { forget(id: $id) { id } }';

export const sentence = (word: string): string => `The ${COMMON} says ${word}`;

/** The oracle: who may READ the pool sees what is there; a proposal is its author's and the reviewers'. */
export function sees(member: Member, { pool, author, status }: Pick<Fact, 'pool' | 'author' | 'status'>): boolean {
  const allowed = mayDo(member, pool);
  if (status !== 'PROPOSED') return allowed.includes('READ');
  const isAuthor = author === member.name && (allowed.includes('READ') || allowed.includes('PROPOSE'));
  return isAuthor || allowed.includes('REVIEW');
}
