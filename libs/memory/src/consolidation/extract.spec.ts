import { describe, expect, it } from '@jest/globals';
import { extract } from './extract.js';

const of = (texts: string[], speaker: string | null = null) => extract(texts, speaker, 'ENGLISH');

describe('a summary by extraction', () => {
  it('keeps what tells a number, a time or a name, and what says most, in its order', () => {
    const texts = [
      'Hey! How are you? I ran a charity race last Saturday.',
      'That was great! We met Grace there.',
      'The violin lessons begin soon. Wow. I practise scales. It costs 20 euros.',
    ];
    expect(of(texts)).toBe(
      [
        'I ran a charity race last Saturday.',
        'We met Grace there.',
        'The violin lessons begin soon. I practise scales. It costs 20 euros.',
      ].join('\n'),
    );
  });

  it('leaves greetings and praise out', () => {
    expect(of(['Thanks! That is so cool.', 'The kiln cracked the blue bowl'])).toBe('The kiln cracked the blue bowl');
  });

  it('says once what was said before', () => {
    expect(of(['The kiln cracked the blue bowl.', 'Yes, the blue bowl cracked.'])).toBe(
      'The kiln cracked the blue bowl.',
    );
  });

  it('names the speaker once, where the texts did', () => {
    expect(of(['Ada: the kiln is hot', 'Ada: the bowl cracked'], 'Ada')).toBe('Ada: the kiln is hot\nthe bowl cracked');
    expect(of(['the kiln is hot', 'the bowl cracked'], 'Ada')).toBe('the kiln is hot\nthe bowl cracked');
  });

  it('says something of what was small talk alone', () => {
    expect(of(['Hi!', 'Hello, great to see you!'])).toBe('Hello, great to see you!');
  });

  it('is the same every time', () => {
    const texts = Array.from({ length: 30 }, (_, place) => `Sentence ${place % 7} tells of thing ${place}. And so on.`);
    expect(of(texts)).toBe(of(texts));
  });
});
