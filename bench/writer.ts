const WORDS = 4_000;
const SYLLABLES = [
  'ba',
  'ko',
  'ri',
  'tu',
  'me',
  'sal',
  'den',
  'po',
  'gar',
  'li',
  'von',
  'tes',
  'ha',
  'nu',
  'fir',
  'jo',
];

/** Texts in which few words are common and most are rare, as in any language. The same ones in each run. */
export class Writer {
  private state = 42;

  write(count: number): string[] {
    return Array.from({ length: count }, () => this.text(15 + Math.floor(this.random() * 30)));
  }

  /** A question of six words, none of them among the most common. */
  question(): string {
    return Array.from({ length: 6 }, () => word(20 + this.rank())).join(' ');
  }

  private text(words: number): string {
    return Array.from({ length: words }, () => word(this.rank())).join(' ');
  }

  /** Zipf: the word of place n is 1/n as common as the first. */
  private rank(): number {
    return Math.floor(Math.exp(this.random() * Math.log(WORDS))) - 1;
  }

  private random(): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.state / 2 ** 32;
  }
}

export function word(rank: number): string {
  let text = '';
  for (let rest = rank + 16; rest > 0; rest = Math.floor(rest / 16)) text += SYLLABLES[rest % 16];
  return text;
}
