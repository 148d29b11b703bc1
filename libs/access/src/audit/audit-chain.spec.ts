import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AuditChain, firstHash, hashEntry } from './audit-chain.js';
import type { StoredAuditEntry } from './audit.repository.js';

const ORG = '01890000-0000-7000-8000-000000000001';

function log(length: number): StoredAuditEntry[] {
  const entries: StoredAuditEntry[] = [];
  for (let seq = 1; seq <= length; seq++) {
    const previousHash = entries.at(-1)?.hash ?? firstHash(ORG);
    const at = `2026-01-01T00:00:00.${String(seq).padStart(6, '0')}Z`;
    const entry = {
      orgId: ORG,
      seq,
      id: `id-${seq}`,
      at,
      principalId: seq % 3 ? 'somebody' : null,
      action: 'pool.create',
    };
    const whole = { ...entry, target: seq % 2 ? `pool-${seq}` : null, detail: `{"n":${seq}}`, previousHash };
    entries.push({ ...whole, hash: hashEntry({ ...whole, hash: Buffer.alloc(0) }) });
  }
  return entries;
}

function verify(
  entries: readonly StoredAuditEntry[],
  head = entries.at(-1),
  anchors: { seq: number; hash: Buffer }[] = [],
) {
  const chain = new AuditChain(ORG, anchors);
  for (const entry of entries) {
    const problem = chain.add(entry);
    if (problem) return problem;
  }
  return chain.finish(head);
}

describe('the chain of the audit log', () => {
  it('is whole as it was written, also when it is empty', () => {
    expect(verify(log(5))).toBeNull();
    expect(verify([], undefined)).toBeNull();
  });

  it('is broken by any change of any field of any entry', () => {
    const fields = ['orgId', 'id', 'at', 'principalId', 'action', 'target', 'detail'] as const;
    fc.assert(
      fc.property(fc.nat(9), fc.constantFrom(...fields), fc.string(), (place, field, text) => {
        const entries = log(10);
        const entry = entries[place] as StoredAuditEntry;
        fc.pre(entry[field] !== text);
        entries[place] = { ...entry, [field]: text };
        expect(verify(entries)).toBe(`entry ${place + 1} was changed after it was written`);
      }),
      { numRuns: 300 },
    );
  });

  it('reads no two lists of fields alike', () => {
    const [entry] = log(1) as [StoredAuditEntry];
    const moved = { ...entry, action: `${entry.action}pool`, target: '-1' };
    expect(hashEntry(moved).equals(hashEntry(entry))).toBe(false);
    expect(hashEntry({ ...entry, target: null }).equals(hashEntry({ ...entry, target: '' }))).toBe(false);
    expect(hashEntry({ ...entry, target: null }).equals(hashEntry({ ...entry, target: '-' }))).toBe(false);
  });

  it('is broken where an entry is missing, at any place', () => {
    expect(verify(log(5).toSpliced(0, 1))).toContain('entry 1 is missing');
    expect(verify(log(5).toSpliced(2, 1))).toContain('entry 3 is missing');
    expect(verify(log(5).slice(0, 4), log(5).at(-1))).toBe('the log ends with entry 4, and 5 were written');
  });

  it('is broken where later entries were written anew behind a forged one', () => {
    const entries = log(5);
    const forged = { ...(entries[1] as StoredAuditEntry), detail: '{"n":99}' };
    entries[1] = { ...forged, hash: hashEntry(forged) };
    expect(verify(entries)).toBe('entry 3 does not follow entry 2');
  });

  it('is held by what was told before, where all of it was written anew', () => {
    const anchors = [{ seq: 3, hash: (log(5)[2] as StoredAuditEntry).hash }];
    expect(verify(log(5), log(5).at(-1), anchors)).toBeNull();
    const anew: StoredAuditEntry[] = [];
    for (const entry of log(5)) {
      const changed = { ...entry, action: 'nothing', previousHash: anew.at(-1)?.hash ?? firstHash(ORG) };
      anew.push({ ...changed, hash: hashEntry(changed) });
    }
    expect(verify(anew)).toBeNull();
    expect(verify(anew, anew.at(-1), anchors)).toBe('entry 3 is another than the one that was anchored');
    expect(verify(anew.slice(0, 2), anew[1], anchors)).toBe('the log ends with entry 2, before the anchored entry 3');
  });

  it('is no other organisation’s', () => {
    const chain = new AuditChain('01890000-0000-7000-8000-000000000002');
    expect(chain.add(log(1)[0] as StoredAuditEntry)).toBe('entry 1 does not follow entry 0');
  });
});
