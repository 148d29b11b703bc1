import { badInput } from '#kernel';

/** The key of a role or a pool. */
export const KEY_FORMAT = /^[a-z0-9][a-z0-9._:-]{0,63}$/;

/** Of a role or a pool that an admin adds. @throws BAD_INPUT */
export function checkKey(key: string, field: string): void {
  if (!KEY_FORMAT.test(key))
    throw badInput(field, 'must be 1 to 64 lower case letters, digits and . _ : -, and begin with a letter or digit');
  if (key === 'own' || key.startsWith('kind:') || key.startsWith('agent:'))
    throw badInput(field, 'is a word that policies and private pools use; choose another');
}
