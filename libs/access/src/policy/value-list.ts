import { createHash } from 'node:crypto';
import { type Test } from './condition.js';

/** A list that the database keeps, in the table policy_list. */
export interface KeptList {
  readonly orgId: string;
  readonly hash: Buffer;
}

const objects = new WeakMap<Test, string>();
const kept = new WeakMap<Test, KeptList>();

/** The values of a long list as the keys of a JSON object, in which Postgres finds one by halving. Written once. */
export function valuesAsKeys(test: Test): string {
  let object = objects.get(test);
  if (object === undefined) {
    object = `{${test.values.map((value) => `${JSON.stringify(String(value))}:true`).join()}}`;
    objects.set(test, object);
  }
  return object;
}

/** Equal for lists of the same values, whatever asks for them; and of no list that was kept in another form. */
export const hashOf = (test: Test): Buffer => createHash('sha256').update('keys:').update(valuesAsKeys(test)).digest();

/** Where the database keeps the test's values; undefined where they are sent with each statement. */
export const keptAs = (test: Test): KeptList | undefined => kept.get(test);

/** Only for what is committed, and never deleted: a list that is not found leaves every comparison with it UNKNOWN. */
export function noteKept(test: Test, list: KeptList): void {
  kept.set(test, list);
}
