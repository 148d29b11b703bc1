import { CommonplaceError } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { isRetryable, sqlState, translate } from './failures.js';

const refused = (code: string) =>
  Object.assign(new pg.DatabaseError('refused', 0, 'error'), { severity: 'ERROR', code });
const ofNode = (code: string) => Object.assign(new Error(`read ${code}`), { code, syscall: 'read' });

describe('what Postgres said', () => {
  it('is told apart from the codes of others', () => {
    expect(sqlState(refused('23505'))).toBe('23505');
    for (const error of [
      ofNode('EPIPE'),
      ofNode('EHOSTUNREACH'),
      new CommonplaceError('CONFLICT', ''),
      new Error(),
      null,
    ])
      expect(sqlState(error)).toBeUndefined();
  });

  it('is tried again where two units met', () => {
    for (const code of ['40001', '40P01', '26000', '42P05']) expect(isRetryable(refused(code))).toBe(true);
    for (const error of [refused('23505'), ofNode('EPIPE'), undefined]) expect(isRetryable(error)).toBe(false);
  });
});

describe('a failure', () => {
  it.each([
    ...['08006', '53300', '57014', '57P01', '55P03', '40001', '40P01'].map((code) => [code, refused(code)] as const),
    ...['ECONNRESET', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH'].map((code) => [code, ofNode(code)] as const),
    ['a connection that ended', new Error('Connection terminated unexpectedly')],
    ['an answer that did not come', new Error('Query read timeout')],
  ])('by %s is UNAVAILABLE, and says when to try again', (_, error) => {
    expect(translate(error)).toMatchObject({ code: 'UNAVAILABLE', details: { retryAfterMs: 1000 }, cause: error });
  });

  it.each([
    ['a statement that is wrong', refused('42601')],
    ['a state that only ends like one of no connection', refused('22008')],
    ['an error of the code', new TypeError('x is not a function')],
    ['one that has its code already', new CommonplaceError('CONFLICT', 'taken')],
  ])('by %s stays what it is', (_, error) => expect(translate(error)).toBe(error));
});
