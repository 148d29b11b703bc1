import { Foundation0000000000001 } from './0001-foundation.js';

/** Every migration, in order. One that has landed is never edited. */
export const migrations = [Foundation0000000000001];
