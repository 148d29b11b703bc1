import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../../../test/support/doorbells.js';
import { KeptLine, type Dial, type Line } from './kept-line.js';

/** A line in memory; the test says what becomes of it. */
class FakeLine implements Line {
  sent = 0;
  hungUp = false;
  gone: Promise<Error>;
  lose: (why: Error) => void = () => undefined;
  answer: () => Promise<void> = async () => undefined;

  constructor() {
    this.gone = new Promise((resolve) => (this.lose = resolve));
  }

  async send(): Promise<void> {
    this.sent += 1;
    await this.answer();
  }

  async hangUp(): Promise<void> {
    this.hungUp = true;
    this.lose(new Error('hung up'));
  }
}

const heard = { rings: 0, errors: [] as unknown[] };
const listening = { onHeard: () => (heard.rings += 1), onError: (error: unknown) => heard.errors.push(error) };
let kept: KeptLine;
afterEach(async () => {
  await kept.close();
  Object.assign(heard, { rings: 0, errors: [] });
});

function keep(dial: Dial): KeptLine {
  kept = new KeptLine(dial, listening);
  return kept;
}

describe('a kept line', () => {
  it('sends once, when it stands, whatever was to be sent before', async () => {
    const line = new FakeLine();
    let connect: (line: Line) => void = () => undefined;
    keep(() => new Promise((resolve) => (connect = resolve)));
    for (let i = 0; i < 5; i++) kept.send();
    connect(line);
    await eventually(() => line.sent > 0);
    await pause(20);
    expect([line.sent, heard.rings]).toEqual([1, 1]);
  });

  it('sends one at a time, and once more for all that came meanwhile', async () => {
    const line = new FakeLine();
    let answer: () => void = () => undefined;
    line.answer = () => new Promise((resolve) => (answer = resolve));
    keep(async () => line);
    await eventually(() => heard.rings === 1);
    for (let i = 0; i < 5; i++) kept.send();
    await pause(20);
    expect(line.sent).toBe(1);
    answer();
    await pause(20);
    expect(line.sent).toBe(2);
    answer();
    await pause(20);
    expect(line.sent).toBe(2);
  });

  it('is dialled again when it does not take what is sent, and that is sent then', async () => {
    const [broken, good] = [new FakeLine(), new FakeLine()];
    broken.answer = () => Promise.reject(new Error('no answer'));
    const lines = [broken, good];
    keep(async () => lines.shift() as Line);
    await eventually(() => heard.rings === 1);
    kept.send();
    await eventually(() => good.sent === 1);
    expect([broken.hungUp, good.hungUp, heard.rings, heard.errors.length]).toEqual([true, false, 2, 1]);
  });

  it('waits longer each time, and tells of an outage once', async () => {
    const dialledAt: number[] = [];
    keep(async () => {
      dialledAt.push(Date.now());
      throw new Error('nobody there');
    });
    await eventually(() => dialledAt.length === 4);
    const [first = 0, , third = 0, fourth = 0] = dialledAt;
    // 125 to 250, 250 to 500, 500 to 1,000 ms.
    expect(third - first).toBeGreaterThan(350);
    expect(fourth - third).toBeGreaterThan(490);
    expect(heard.errors).toHaveLength(1);
  });

  it('that keeps being lost at once is one outage, and is not dialled in a hurry', async () => {
    let dials = 0;
    keep(async () => {
      dials += 1;
      const line = new FakeLine();
      line.lose(new Error('not wanted here'));
      return line;
    });
    await pause(1_000);
    expect(dials).toBeGreaterThan(1);
    expect(dials).toBeLessThan(6);
    expect(heard.errors).toHaveLength(1);
  });

  it('that is closed while it is dialled hangs up, and tells nothing', async () => {
    const line = new FakeLine();
    let connect: (line: Line) => void = () => undefined;
    keep(() => new Promise((resolve) => (connect = resolve)));
    await kept.close();
    connect(line);
    await eventually(() => line.hungUp);
    await pause(20);
    expect(heard).toEqual({ rings: 0, errors: [] });
  });
});
