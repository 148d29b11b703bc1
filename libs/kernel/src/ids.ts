import { v5, v7, validate } from 'uuid';

/** UUID version 7 (RFC 9562): made here and not in the database, so ids need no round trip and PostgreSQL 15 will do. */
export const newId = (): string => v7();

/** The same name under the same namespace always gives the same id (UUID version 5). */
export const derivedId = (name: string, namespace: string): string => v5(name, namespace);

export const isId = (value: string): boolean => validate(value);
