import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { version } from 'uuid';
import { isId, newId } from './ids.js';

const COUNT = 20_000;
const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
/** Where v7 has the last of its chance. */
const tailOf = (id: string) => id.slice(-10);

afterEach(() => void jest.restoreAllMocks());

describe('new ids', () => {
  it('are of version 7, of now, and each is greater than the one before', () => {
    const began = Date.now();
    const ids = Array.from({ length: COUNT }, newId);
    const ended = Date.now();
    expect(ids.every((id) => isId(id) && version(id) === 7)).toBe(true);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(COUNT);
    expect(timeOf(ids[0] as string)).toBeGreaterThanOrEqual(began);
    expect(timeOf(ids.at(-1) as string)).toBeLessThanOrEqual(ended);
  });

  it('have chance of their own, none twice', () => {
    expect(new Set(Array.from({ length: 1_000 }, () => tailOf(newId()))).size).toBe(1_000);
  });

  it('stay in their order while the clock stands still or goes back', () => {
    const now = Date.now() + 60_000;
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now);
    const ids = Array.from({ length: 100 }, newId);
    clock.mockReturnValue(now - 30_000);
    ids.push(...Array.from({ length: 100 }, newId));
    clock.mockReturnValue(now + 1);
    ids.push(newId());
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(201);
  });
});
