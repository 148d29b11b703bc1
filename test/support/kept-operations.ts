import type { Principal } from '#access';
import { CommonplaceError } from '#kernel';
import { Reanalysis, type Memorized, type MemorizeInput, type MemoryFilterInput } from '#memory';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestApi } from './api.js';
import { activePolicy, allow, deny, type Statement } from './policy.js';
import type { Random } from './random-numbers.js';

export const ROLES = ['planner', 'coder', 'reviewer', 'tester'] as const;
type Role = (typeof ROLES)[number];

const WORDS = ['ledger', 'harbour', 'crane', 'invoice', 'lamp', 'kettle', 'billing', 'deployment', 'schema', 'teapot'];
const LABELS = ['red', 'blue', 'green'];
const SPEAKERS = ['ada', 'grace', 'Edsger'];
const DAY_MS = 86_400_000;
/** So long a memory is there before it expires, or before it holds. */
const SOON_MS = 250;
/** Long enough to be kept in the database. */
const longList = (value: string): string[] => [value, ...Array.from({ length: 250 }, (_, n) => `nobody's ${n}`)];

/** Refusals that a policy, or what was done before, makes of an operation. */
const REFUSED = ['FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'BAD_INPUT'];

interface Known {
  id: string;
  pool: string;
  author: Principal;
}

type Operation = () => Promise<unknown>;

/** What can happen to the memories of one organisation, drawn at random. */
export class KeptOperations {
  /** How often each was done, and not refused. */
  readonly done: Record<string, number> = {};
  private readonly known: Known[] = [];
  private readonly began = new Date();
  private statements: Statement[] = [];
  private number = 0;
  private readonly weighted: [name: string, weight: number, operation: Operation][] = [
    ['memorize', 14, () => this.memorize()],
    ['memorizeMany', 6, () => this.memorizeMany()],
    ['a duplicate', 2, () => this.memorizeAgain()],
    ['what expires', 3, () => this.memorize({ expiresAt: new Date(Date.now() + SOON_MS) }).then(() => this.wait())],
    ['what begins', 3, () => this.memorize({ validFrom: new Date(Date.now() + SOON_MS) }).then(() => this.wait())],
    ['revise', 8, () => this.revise()],
    ['forget', 6, () => this.forget()],
    ['propose', 5, () => this.propose()],
    ['review', 6, () => this.review()],
    ['promote', 5, () => this.promote()],
    ['erase', 2, () => this.erase()],
    ['retire', 4, () => this.retire()],
    ['a policy', 10, () => this.editPolicy()],
    ['a language', 3, () => this.setLanguage()],
    ['consolidate', 2, () => this.consolidate()],
  ];

  constructor(
    private readonly api: TestApi,
    private readonly principals: Record<Role | 'admin', Principal>,
    private readonly random: Random,
    /** What somebody asks in the middle of an operation that waits. */
    private readonly meanwhile: () => Promise<unknown>,
  ) {}

  async begin(): Promise<void> {
    this.statements = (await activePolicy(this.api.admin)).statements;
    for (let i = 0; i < 6; i++) await this.memorizeMany();
  }

  /** @returns what was done, or refused */
  async one(): Promise<string> {
    let place = this.random.below(this.weighted.reduce((sum, [, weight]) => sum + weight, 0));
    const [name, , operation] = this.weighted.find(([, weight]) => (place -= weight) < 0) as (typeof this.weighted)[0];
    try {
      await operation();
      this.done[name] = (this.done[name] ?? 0) + 1;
      return name;
    } catch (error) {
      if (!(error instanceof CommonplaceError && REFUSED.includes(error.code))) throw error;
      return `${name}, refused with ${error.code}`;
    }
  }

  question(): string {
    const { random } = this;
    const words = random.some(WORDS, 3).join(' ');
    return random.one([
      words,
      `What did ${random.one(SPEAKERS)} say about the ${words}?`,
      `When was the ${words}, on Monday or yesterday?`,
      `How many ${words} ${1 + random.below(this.number)}`,
    ]);
  }

  /** Undefined in half of the cases. */
  filter(): MemoryFilterInput | undefined {
    const { random } = this;
    const halfway = new Date((this.began.getTime() + Date.now()) / 2);
    const filters: MemoryFilterInput[] = [
      { entityId: random.one(['alpha', 'beta']) },
      { sessionId: 'monday', importance: ['LOW', 'MEDIUM'] },
      { labels: [random.one(LABELS)] },
      { authorId: this.principals[random.one(ROLES)].id, types: ['EPISODIC', 'DECLARATIVE'] },
      random.one([{ createdAfter: halfway }, { createdBefore: halfway }]),
    ];
    return random.one([undefined, random.one(filters)]);
  }

  private content(): string {
    const { random } = this;
    const words = Array.from({ length: 2 + random.below(6) }, () => random.one(WORDS));
    const often = random.below(12) === 0 ? ` ${random.one(WORDS)}`.repeat(300) : '';
    return `${words.join(' ')} ${++this.number}${often}`;
  }

  private input(pool: string): MemorizeInput {
    const { random } = this;
    const time = (days: number) => new Date(Date.now() + days * DAY_MS);
    return {
      pool,
      content: this.content(),
      type: random.one(['EPISODIC', 'DECLARATIVE', 'PROCEDURAL'] as const),
      sessionId: random.one([null, 'monday', 'tuesday']),
      speaker: random.one([null, ...SPEAKERS]),
      entityId: random.one([null, 'alpha', 'beta', 'gamma']),
      labels: random.below(2) === 0 ? [] : random.some(LABELS, 2),
      importance: random.one(['LOW', 'MEDIUM', 'HIGH'] as const),
      validFrom: random.one([null, null, time(-40), time(-1), time(40)]),
      expiresAt: random.one([null, null, time(1)]),
    };
  }

  private writer(): { author: Principal; pool: string } {
    const role = this.random.one(ROLES);
    const isShared = (role === 'planner' || role === 'reviewer') && this.random.below(2) === 0;
    return { author: this.principals[role], pool: isShared ? 'shared' : role };
  }

  private note({ memory }: Memorized, author: Principal, pool: string): void {
    this.known.push({ id: memory.id, pool, author });
  }

  private async memorize(rest: Partial<MemorizeInput> = {}): Promise<void> {
    const { author, pool } = this.writer();
    this.note(await this.api.broker.memorize.memorize(author, { ...this.input(pool), ...rest }), author, pool);
  }

  private async memorizeMany(): Promise<void> {
    const { author, pool } = this.writer();
    const inputs = Array.from({ length: 2 + this.random.below(5) }, () => this.input(pool));
    const { results } = await this.api.broker.memorize.memorizeMany(author, inputs);
    for (const result of results) this.note(result, author, pool);
  }

  private async memorizeAgain(): Promise<void> {
    const { author, pool } = this.writer();
    const input = this.input(pool);
    for (let i = 0; i < 2; i++) this.note(await this.api.broker.memorize.memorize(author, input), author, pool);
  }

  /** It must be there before it goes, and be asked for again without having been written. */
  private async wait(): Promise<void> {
    await this.meanwhile();
    await pause(SOON_MS + 5);
  }

  private any(where: (known: Known) => boolean = () => true): Known {
    const some = this.known.filter(where);
    if (some.length === 0) throw new CommonplaceError('NOT_FOUND', 'nothing of the kind is there yet');
    return this.random.one(some);
  }

  private async revise(): Promise<void> {
    const { id, author } = this.any();
    const [row] = await this.sql<{ version: number }>('select version from memory where memory_id = $1', [id]);
    const input = { id, expectedVersion: row?.version ?? 1 };
    const labels = this.random.some(LABELS, 2);
    await this.api.broker.revise.revise(
      author,
      this.random.one([
        { ...input, content: this.content() },
        { ...input, labels },
        { ...input, content: this.content(), labels },
      ]),
    );
  }

  private async forget(): Promise<void> {
    const { id, author } = this.any();
    await this.api.broker.forget.forget(author, id);
  }

  private async propose(): Promise<void> {
    const author = this.principals[this.random.one(['coder', 'tester'] as const)];
    this.note(await this.api.broker.memorize.memorize(author, this.input('shared')), author, 'shared');
  }

  private async review(): Promise<void> {
    const waiting = await this.sql<{ id: string }>(
      `select memory_id as id from memory where status = 'PROPOSED' order by 1`,
    );
    if (waiting.length === 0) await this.propose();
    const id = waiting[0]?.id ?? (this.known.at(-1) as Known).id;
    await this.api.broker.review.review(this.principals.reviewer, { id, approve: this.random.below(4) > 0 });
  }

  private async promote(): Promise<void> {
    const { id, author } = this.any(({ pool }) => pool === 'planner' || pool === 'reviewer' || pool === 'coder');
    this.note(await this.api.broker.promote.promote(author, id, 'shared'), author, 'shared');
  }

  private async erase(): Promise<void> {
    const { id, author } = this.any(({ pool }) => pool !== 'shared');
    await this.api.broker.erase.erase(author, { id });
  }

  /** As a consolidation leaves it, without its log. */
  private async retire(): Promise<void> {
    await this.sql(
      `with retired as (
         update memory set status = 'SUPERSEDED' where memory_id = $1 and status = 'ACTIVE' returning org_id, pool_id
       ) update pool p set memories = p.memories - 1 from retired r where p.org_id = r.org_id and p.pool_id = r.pool_id`,
      [this.any().id],
    );
  }

  private async consolidate(): Promise<void> {
    const pool = this.random.one(['shared', 'coder', 'planner']);
    await this.api.broker.consolidation.consolidate(this.principals.admin, { pool, olderThanDays: 0 });
  }

  private async setLanguage(): Promise<void> {
    const { directory, access } = this.api.broker;
    const key = this.random.one([...ROLES, 'shared']);
    await directory.setLanguage(this.principals.admin, key, this.random.one(['ENGLISH', 'GERMAN', 'SPANISH']));
    // Between the two its memories are read in another language than they were written in.
    await this.meanwhile();
    const failed = (error: unknown) => {
      throw error;
    };
    await new Reanalysis(access, () => undefined, failed).run();
  }

  private async editPolicy(): Promise<void> {
    const { version } = await activePolicy(this.api.admin);
    const statements = [...this.statements, ...this.random.one(this.policies())];
    await this.api.broker.policies.activate(this.principals.admin, { expectedVersion: version, statements });
  }

  private policies(): Statement[][] {
    const readers = (pools: string[], rest: Partial<Statement>) => ({
      ...deny('tester', ['READ'], pools, rest),
      roles: ['tester', 'coder'],
    });
    const { planner, coder } = this.principals;
    return [
      [],
      [deny('tester', ['READ'], ['coder'])],
      [allow('tester', ['READ'], ['planner', 'reviewer']), deny('coder', ['READ'], ['planner'])],
      [readers(['coder', 'shared'], { where: { labels: { contains: 'red' } } })],
      [
        readers(['*'], { where: { speaker: { eq: 'ada' } } }),
        deny('reviewer', ['READ'], ['coder'], { where: { importance: { lt: 'HIGH' } } }),
      ],
      [
        readers(['*'], { where: { entityId: { eq: 'alpha' } }, fields: ['content'] }),
        readers(['*'], { where: { labels: { containsAny: ['blue', 'green'] } }, fields: ['sessionId'] }),
        readers(['shared', 'coder'], { where: { importance: { eq: 'HIGH' } }, fields: ['speaker'] }),
      ],
      [
        readers(['shared'], { where: { authorId: { eq: planner.id } } }),
        readers(['coder'], { where: { createdAt: { lt: this.began.toISOString() } } }),
        allow('tester', ['READ'], ['planner'], {
          where: { authorId: { ne: coder.id }, importance: { gte: 'MEDIUM' } },
        }),
      ],
      [allow('tester', ['READ'], ['planner', 'reviewer'], { fields: ['content', 'speaker'] })],
      [
        readers(['*'], { where: { entityId: { in: longList('alpha') } } }),
        deny('reviewer', ['READ'], ['coder'], { where: { labels: { containsAny: longList('red') } } }),
      ],
      [
        readers(['shared', 'coder'], { where: { speaker: { nin: longList('ada') } }, fields: ['speaker', 'labels'] }),
        readers(['*'], { where: { labels: { containsAny: longList('blue') } }, fields: ['entityId'] }),
      ],
    ];
  }

  private async sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.api.broker.database.maintenance<Row & Record<string, unknown>>(text, values)).rows;
  }
}
