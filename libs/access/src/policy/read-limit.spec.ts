import { describe, expect, it } from '@jest/globals';
import { assertReadLimit, MAX_READ_TESTS } from './read-limit.js';
import { POOLS, statement } from './testing.js';
import { type PolicyStatement } from './statement.js';

const many = (rest: (nth: number) => Partial<PolicyStatement>, count = MAX_READ_TESTS + 1) =>
  Array.from({ length: count }, (_, nth) => statement(rest(nth)));
const pairs = (nth: number) => ({ where: { entityId: { eq: `e${nth}` }, speaker: { eq: `s${nth}` } } });

describe('the limit of what a read tests', () => {
  it('refuses a policy of which a role would have more tests than one statement can take, and names the role', () => {
    expect(() => assertReadLimit(many(pairs), POOLS)).toThrow(/the role coder would have more than 5000 conditions/);
    expect(() =>
      assertReadLimit(
        many((nth) => ({ ...pairs(nth), roles: ['*'] })),
        POOLS,
      ),
    ).toThrow(/every role|the role/);
  });

  it('counts what decides in an AGENT pool of whoever asks', () => {
    const own = many((nth) => ({ ...pairs(nth), pools: ['own'] }));
    expect(() => assertReadLimit(own, POOLS)).toThrow(/the role coder/);
  });

  it('counts a test for each group of pools in which it stands', () => {
    const everywhere = many((nth) => ({ ...pairs(nth), pools: ['*'] }), 400);
    const apart = POOLS.map(({ key }) => statement({ pools: [key], where: { sessionId: { eq: key } } }));
    expect(() => assertReadLimit(everywhere, POOLS)).not.toThrow();
    expect(() => assertReadLimit([...everywhere, ...apart], POOLS)).toThrow(/the role coder/);
  });

  it('takes as many statements as a policy may have, where they are a family or of other actions', () => {
    assertReadLimit(
      many((nth) => ({ where: { entityId: { eq: `e${nth}` } } }), 10_000),
      POOLS,
    );
    assertReadLimit(
      many((nth) => ({ ...pairs(nth), actions: ['WRITE'] }), 10_000),
      POOLS,
    );
  });
});
