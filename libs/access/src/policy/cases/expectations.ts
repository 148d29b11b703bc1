import { badInput } from '#kernel';
import { checkedObject, listOf, nonEmpty, oneOf, textOf } from '../checked.js';
import { ACTIONS, MASKABLE_FIELDS, type Action, type MaskableField } from '../vocabulary.js';
import { known } from './cast.js';

/** Of each of its principals and each of its memories: exactly these actions are allowed, and READ hides these fields. */
export interface PolicyCase {
  readonly name: string;
  readonly principals: readonly string[];
  readonly memories: readonly string[];
  readonly allow: readonly Action[];
  readonly hidden: readonly MaskableField[];
}

type Names = ReadonlyMap<string, unknown>;

const KEYS = ['name', 'principal', 'principals', 'memory', 'memories', 'allow', 'hidden'] as const;
const LONGEST_NAME = 200;
const MOST_CASES = 5_000;
/** Of a principal and a memory. Each is eight questions to the policy, so a document cannot run for ever. */
export const MOST_PAIRS = 10_000;

/** @throws BAD_INPUT naming the place */
export function parseExpectations(raw: unknown, principals: Names, memories: Names): PolicyCase[] {
  const cases = nonEmpty(raw, 'cases', MOST_CASES).map((item, index) =>
    parseCase(item, `cases.${index}`, principals, memories),
  );
  const pairs = cases.reduce((sum, one) => sum + one.principals.length * one.memories.length, 0);
  if (pairs > MOST_PAIRS) {
    throw badInput('cases', `speak of ${pairs} pairs of a principal and a memory; at most ${MOST_PAIRS} are taken`);
  }
  refuseContradictions(cases);
  return cases;
}

function parseCase(item: unknown, path: string, principals: Names, memories: Names): PolicyCase {
  const given = checkedObject(item, path, { keys: KEYS, what: 'a case' });
  const who = oneOrMore(given, path, ['principal', 'principals'], principals);
  const what = oneOrMore(given, path, ['memory', 'memories'], memories);
  const allow = listOfSome(ACTIONS, given.allow, `${path}.allow`);
  const hidden = listOfSome(MASKABLE_FIELDS, given.hidden ?? [], `${path}.hidden`);
  if (hidden.length > 0 && !allow.includes('READ')) {
    throw badInput(`${path}.hidden`, 'says what READ hides, and READ is not among what is allowed');
  }
  const name =
    given.name == null ? `${who.join(', ')} on ${what.join(', ')}` : textOf(given.name, `${path}.name`, LONGEST_NAME);
  return { name, principals: who, memories: what, allow, hidden };
}

/** `principal: ada`, or `principals: [ada, ben]`. */
function oneOrMore(
  given: Partial<Record<(typeof KEYS)[number], unknown>>,
  path: string,
  [one, many]: readonly ['principal', 'principals'] | readonly ['memory', 'memories'],
  names: Names,
): string[] {
  if ((given[one] == null) === (given[many] == null)) throw badInput(path, `needs either ${one} or ${many}`);
  if (given[many] == null) return [known(names, given[one], `${path}.${one}`)];
  const list = nonEmpty(given[many], `${path}.${many}`, names.size);
  const found = list.map((item, index) => known(names, item, `${path}.${many}.${index}`));
  const twice = found.findIndex((name, index) => found.indexOf(name) !== index);
  if (twice >= 0) throw badInput(`${path}.${many}.${twice}`, `names ${found[twice]} a second time`);
  return found;
}

function listOfSome<T extends string>(allowed: readonly T[], value: unknown, path: string): T[] {
  const items = listOf(value, path, allowed.length).map((item, index) => oneOf(allowed, item, `${path}.${index}`));
  return allowed.filter((one) => items.includes(one));
}

function refuseContradictions(cases: readonly PolicyCase[]): void {
  const said = new Map<string, { expectation: string; index: number }>();
  for (const [index, { principals, memories, allow, hidden }] of cases.entries()) {
    const expectation = JSON.stringify([allow, hidden]);
    for (const principal of principals) {
      for (const memory of memories) {
        const pair = JSON.stringify([principal, memory]);
        const before = said.get(pair);
        if (before && before.expectation !== expectation) {
          throw badInput(`cases.${index}`, `contradicts cases.${before.index} about ${principal} and ${memory}`);
        }
        said.set(pair, { expectation, index });
      }
    }
  }
}
