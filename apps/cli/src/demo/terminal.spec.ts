import { describe, expect, it } from '@jest/globals';
import { clip, Terminal, wrap } from './terminal.js';

function printed(width: number, show: (terminal: Terminal) => void): string[] {
  const lines: string[] = [];
  show(new Terminal((line) => lines.push(line), { width, colour: false }));
  return lines;
}

describe('the terminal', () => {
  it('cuts and wraps text, and tells that there was more', () => {
    expect(clip('one two three', 8)).toBe('one two…');
    expect(wrap('one two three four', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrap('one two three four', 9, 2)).toEqual(
      ['one two', 'three fo…'].map((line) => expect.stringMatching(`^${line.slice(0, 4)}`)),
    );
    expect(wrap('x'.repeat(30), 10)).toEqual([`${'x'.repeat(9)}…`]);
  });

  it('aligns columns and never writes beyond its width', () => {
    const lines = printed(60, (terminal) => {
      terminal.row(['a', 'planner', 'w'.repeat(100)], [4, 8]);
      terminal.row(['bb', 'coder', 'short'], [4, 8]);
    });
    expect(lines[1]).toBe('bb    coder     short');
    expect(lines.every((line) => line.length <= 60)).toBe(true);
  });

  it('sets blocks side by side, or below each other where it is narrow', () => {
    const blocks = ['one', 'two'].map((title) => ({ title, lines: () => [`${title} says`] }));
    expect(printed(100, (terminal) => terminal.sideBySide(blocks))).toHaveLength(2);
    expect(printed(60, (terminal) => terminal.sideBySide(blocks))).toHaveLength(4);
  });

  it('does not colour where colour is off', () => {
    expect(printed(80, (terminal) => terminal.heading('Head')).join('')).not.toContain('\u001b');
  });
});
