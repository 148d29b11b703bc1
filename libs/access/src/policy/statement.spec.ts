import { describe, expect, it } from '@jest/globals';
import { assertAdministrable } from './lockout.js';
import { parseStatements } from './statement.js';
import { statement } from './testing.js';

const known = { roles: new Set(['admin', 'coder']), pools: new Set(['shared', 'coder']) };
const sound = { id: 'a', effect: 'ALLOW', roles: ['coder'], actions: ['READ'], pools: ['shared'] };
const parse = (...raw: unknown[]) => parseStatements(raw, known);

describe('a draft', () => {
  it('is taken with everything it may say', () => {
    const [parsed] = parse({
      ...sound,
      roles: ['*', 'coder'],
      actions: ['READ', 'WRITE'],
      pools: ['shared', 'own', 'kind:AGENT', '*'],
      where: { importance: { gte: 'HIGH' }, createdAt: { lt: '2026-01-01T00:00:00Z' } },
      fields: ['content', 'labels'],
      expiresAt: '2026-06-01T00:00:00+02:00',
      reason: 'For the audit.',
    });
    expect(parsed).toEqual({
      id: 'a',
      effect: 'ALLOW',
      roles: ['*', 'coder'],
      actions: ['READ', 'WRITE'],
      pools: ['shared', 'own', 'kind:AGENT', '*'],
      where: { importance: { gte: 'HIGH' }, createdAt: { lt: '2026-01-01T00:00:00Z' } },
      fields: ['content', 'labels'],
      expiresAt: new Date('2026-05-31T22:00:00Z'),
      reason: 'For the audit.',
    });
  });

  it('gets ids where it has none', () => {
    const made = parseStatements(
      [
        { ...sound, id: undefined },
        { ...sound, id: null },
      ],
      known,
      {
        makeId: (
          (n) => () =>
            `made-${n++}`
        )(1),
      },
    );
    expect(made.map(({ id }) => id)).toEqual(['made-1', 'made-2']);
    expect(parse({ ...sound, id: undefined })[0]?.id).toHaveLength(36);
  });

  it('takes null and undefined for "not said", and names each thing once', () => {
    const nothing = { where: null, fields: undefined, expiresAt: null, reason: null };
    const [parsed] = parse({ ...sound, ...nothing, actions: ['READ', 'READ'], pools: ['shared', 'shared'] });
    expect(parsed).toMatchObject({ actions: ['READ'], pools: ['shared'], where: null, fields: null });
  });

  it('comes back the same from where it was stored', () => {
    const parsed = parse({ ...sound, where: { type: { eq: 'EPISODIC' } }, expiresAt: '2026-06-01T00:00:00.5Z' });
    const stored = JSON.parse(JSON.stringify(parsed)) as unknown;
    const nobody = { roles: new Set<string>(), pools: new Set<string>() };
    expect(parseStatements(stored, nobody, { lenient: true })).toEqual(parsed);
  });

  it('shares nothing with the input', () => {
    const where = { type: { in: ['EPISODIC'] } };
    const [parsed] = parse({ ...sound, where });
    where.type.in.push('PROCEDURAL');
    expect(parsed?.where).toEqual({ type: { in: ['EPISODIC'] } });
  });

  it('is taken at its limits', () => {
    const pools = Array.from({ length: 1_000 }, () => 'shared');
    expect(parse({ ...sound, id: 'i'.repeat(64), reason: 'r'.repeat(500), pools })).toHaveLength(1);
  });
});

describe('a draft is refused', () => {
  const cases: [string, Record<string, unknown>, string][] = [
    ['an unknown effect', { effect: 'allow' }, 'effect'],
    ['no effect', { effect: undefined }, 'effect'],
    ['an unknown role', { roles: ['coder', 'hacker'] }, 'roles.1'],
    ['no roles', { roles: [] }, 'roles'],
    ['roles that are no list', { roles: 'coder' }, 'roles'],
    ['a role that is no text', { roles: [['coder']] }, 'roles.0'],
    ['an inherited name for a role', { roles: ['constructor'] }, 'roles.0'],
    ['an unknown action', { actions: ['manage'] }, 'actions.0'],
    ['every action at once', { actions: ['*'] }, 'actions.0'],
    ['no actions', { actions: [] }, 'actions'],
    ['missing actions', { actions: undefined }, 'actions'],
    ['an unknown pool', { pools: ['nowhere'] }, 'pools.0'],
    ['an unknown kind', { pools: ['kind:shared'] }, 'pools.0'],
    ['no pools', { pools: [] }, 'pools'],
    ['a hole in a list', { pools: Array(1) }, 'pools.0'],
    ['more than 1,000 pools', { pools: Array.from({ length: 1_001 }, () => 'shared') }, 'pools'],
    ['an unsound condition', { where: { createdAt: { lt: 'soon' } } }, 'where.createdAt.lt'],
    ['a condition on ADMINISTER', { actions: ['ADMINISTER'], where: { type: { eq: 'EPISODIC' } } }, 'where'],
    ['fields that cannot be hidden', { fields: ['content', 'id'] }, 'fields.1'],
    ['a column in place of a field', { fields: ['entity_id'] }, 'fields.0'],
    ['no fields', { fields: [] }, 'fields'],
    ['fields without READ', { actions: ['WRITE'], fields: ['content'] }, 'fields'],
    ['an author of no role', { where: { authorRole: { eq: 'revewer' } } }, 'where.authorRole.eq'],
    ['authors, one of no role', { where: { authorRole: { nin: ['coder', 'revewer'] } } }, 'where.authorRole.nin'],
    ['an expiry that is no time', { expiresAt: 'tomorrow' }, 'expiresAt'],
    ['an expiry that is a number', { expiresAt: 1 }, 'expiresAt'],
    ['an invalid date', { expiresAt: new Date(NaN) }, 'expiresAt'],
    ['a long reason', { reason: 'x'.repeat(501) }, 'reason'],
    ['NUL in the reason', { reason: 'a\u0000' }, 'reason'],
    ['half a surrogate pair in the reason', { reason: '\udc00' }, 'reason'],
    ['a long id', { id: 'x'.repeat(65) }, 'id'],
    ['an empty id', { id: '' }, 'id'],
    ['an id with a line break', { id: 'a\nb' }, 'id'],
    ['a number for an id', { id: 1 }, 'id'],
    ['a part that is none', { inverted: true }, 'inverted'],
    ['a misspelt part', { condition: {} }, 'condition'],
  ];

  it.each(cases)('for %s', (_, part, field) => {
    expect(() => parse({ ...sound, id: 'b' }, { ...sound, ...part })).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', details: { field: `statements.1.${field}` } }),
    );
  });

  it.each(['__proto__', '__caslSubjectType__', 'constructor'])('for the key %s', (key) => {
    const raw = JSON.parse(`{"id": "a", "effect": "ALLOW", "${key}": {"roles": ["*"]}}`) as unknown;
    expect(() => parse(raw)).toThrow(expect.objectContaining({ details: { field: `statements.0.${key}` } }));
  });

  it('for parts that only its prototype has', () => {
    expect(() => parse(Object.create(sound))).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });

  it.each([null, 'ALLOW', 7, []])('for %j in place of a statement', (raw) => {
    expect(() => parse(raw)).toThrow('statements.0: must be a statement');
  });

  it('for two statements of one id', () => {
    expect(() => parse(sound, { ...sound, id: 'b' }, sound)).toThrow('statements.2.id: is the id of statements.0 too');
  });

  it('for more than 10,000 statements, before it looks at any', () => {
    const many = Array.from({ length: 10_001 }, () => null);
    expect(() => parseStatements(many, known)).toThrow('statements: has 10001 entries; at most 10000 are taken');
  });

  it('when it is no list', () => {
    expect(() => parseStatements({ 0: sound, length: 1 }, known)).toThrow('statements: must be a list');
  });

  it('with a message that says what is there', () => {
    expect(() => parse({ ...sound, pools: ['sharde'] })).toThrow(
      'statements.0.pools.0: "sharde" is not known here; there are *, own, kind:SHARED, kind:ROLE, kind:AGENT, shared, coder',
    );
  });
});

describe('the lockout guard', () => {
  const administer = (rest = {}) => statement({ roles: ['admin'], actions: ['ADMINISTER'], pools: ['*'], ...rest });
  const held = new Set(['admin', 'coder']);
  const check =
    (...statements: ReturnType<typeof statement>[]) =>
    () =>
      assertAdministrable(statements, held);
  const refusal = expect.objectContaining({ code: 'BAD_INPUT', details: { field: 'statements' } });

  it('is content when a held role keeps ADMINISTER', () => {
    expect(check(administer())).not.toThrow();
    expect(check(administer({ roles: ['*'] }))).not.toThrow();
  });

  it('refuses a policy without any', () => {
    expect(check()).toThrow(refusal);
    expect(check(statement({ actions: ['READ'], pools: ['*'], roles: ['*'] }))).toThrow(refusal);
  });

  it('refuses an ALLOW that nobody holds, that expires, or that is about some pools only', () => {
    expect(check(administer({ roles: ['owner'] }))).toThrow(refusal);
    expect(check(administer({ expiresAt: new Date('2999-01-01') }))).toThrow(refusal);
    expect(check(administer({ pools: ['shared'] }))).toThrow(refusal);
  });

  it('refuses a DENY on it, even one of some pools or one that expires', () => {
    expect(check(administer(), administer({ effect: 'DENY' }))).toThrow(refusal);
    expect(check(administer(), administer({ effect: 'DENY', roles: ['*'], pools: ['kind:AGENT'] }))).toThrow(refusal);
    expect(check(administer(), administer({ effect: 'DENY', expiresAt: new Date('2026-01-02') }))).toThrow(refusal);
  });

  it('is content when another role keeps it', () => {
    expect(check(administer({ roles: ['*'] }), administer({ effect: 'DENY' }))).not.toThrow();
  });
});
