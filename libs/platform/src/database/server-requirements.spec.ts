import { describe, expect, it } from '@jest/globals';
import { checkServer } from './server-requirements.js';

describe('what the database server must be', () => {
  it('takes PostgreSQL 15 with pgvector 0.8.6 and later without a word', () => {
    for (const vector of ['0.8.6', '0.8.7', '0.9.0', '1.0.0'])
      expect(checkServer({ postgres: 150018, vector })).toBeNull();
    expect(checkServer({ postgres: 180006, vector: '0.8.7' })).toBeNull();
  });

  it('warns of a pgvector with known faults', () => {
    for (const vector of ['0.8.0', '0.8.5']) expect(checkServer({ postgres: 150018, vector })).toContain(vector);
  });

  it('warns of a Postgres that wastes space', () => {
    for (const postgres of [150004, 160000]) expect(checkServer({ postgres, vector: '0.8.6' })).toContain('PostgreSQL');
    const both = checkServer({ postgres: 150004, vector: '0.8.5' });
    expect(both).toContain('pgvector 0.8.5');
    expect(both).toContain('PostgreSQL before');
    for (const postgres of [150005, 160001, 170000]) expect(checkServer({ postgres, vector: '0.8.6' })).toBeNull();
  });

  it('refuses what cannot work, and says what to install', () => {
    expect(() => checkServer({ postgres: 140012, vector: '0.8.6' })).toThrow('PostgreSQL 14; 15 or later');
    expect(() => checkServer({ postgres: 150018, vector: '0.7.4' })).toThrow('0.8.0 or later');
    expect(() => checkServer({ postgres: 150018, vector: null })).toThrow('no pgvector');
  });
});
