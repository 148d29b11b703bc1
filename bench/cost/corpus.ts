import { Writer, word } from '../writer.js';
import { cosine, embed } from './stub-embedding.js';

/** How many memories answer a question: as many as are asked for. */
export const ANSWERS = 10;
const TOPIC_WORDS = 4;
/** Beyond the words of the writer: no other text holds one of these by chance. */
const FIRST_TOPIC_WORD = 10_000;

export interface Question {
  text: string;
  /** The contents that both exhaustive searches, of words and of vectors, put first. */
  answers: ReadonlySet<string>;
}

export interface Scope {
  key: string;
  contents: string[];
  topics: string[];
  /** Memories of no session and no speaker: the neighbours of a hit act on its order too. */
  apart?: boolean;
}

/**
 * The same texts in every run, ten to a topic, so that each question has ten answers known beforehand. Every system is asked
 * the same, and what it misses shows beside its latency.
 */
export class Corpus {
  private readonly writer = new Writer();
  private nextWord = FIRST_TOPIC_WORD;

  scope(key: string, size: number): Scope {
    const topics = Array.from({ length: Math.max(1, Math.floor(size / ANSWERS)) }, () => this.topic());
    const contents = this.writer.write(size).map((text, nth) => `${topics[nth % topics.length]} ${text}`);
    return { key, contents, topics };
  }

  /** Questions about any of the scopes: the words of a topic, and two that stand everywhere. */
  questions(scopes: readonly Scope[], count: number): Question[] {
    const vectors = scopes.flatMap(({ contents }) => contents.map((content) => ({ content, vector: embed(content) })));
    const questions: Question[] = [];
    for (let attempt = 0; questions.length < count && attempt < count * 10; attempt++) {
      const scope = scopes[attempt % scopes.length] as Scope;
      const topic = scope.topics[(attempt * 7) % scope.topics.length] as string;
      const text = `${topic} ${this.writer.question().split(' ').slice(0, 2).join(' ')}`;
      const answers = new Set(scope.contents.filter((content) => content.startsWith(`${topic} `)));
      if (isExact(text, answers, vectors)) questions.push({ text, answers });
    }
    if (questions.length < count) throw new Error(`only ${questions.length} of ${count} questions have exact answers`);
    return questions;
  }

  private topic(): string {
    return Array.from({ length: TOPIC_WORDS }, () => word(this.nextWord++)).join(' ');
  }
}

/** Share of the answers among the first ten that were found. */
export const recallOf = (found: readonly string[], { answers }: Question): number =>
  found.slice(0, ANSWERS).filter((content) => answers.has(content)).length / Math.min(ANSWERS, answers.size);

interface Embedded {
  content: string;
  vector: number[];
}

function isExact(question: string, answers: ReadonlySet<string>, all: readonly Embedded[]): boolean {
  const asked = embed(question);
  const words = question.split(' ');
  const byMeaning = first(all, ({ vector }) => cosine(asked, vector));
  const byWords = first(all, ({ content }) => {
    const held = new Set(content.split(' '));
    return words.filter((one) => held.has(one)).length;
  });
  return answers.size === ANSWERS && [...byMeaning, ...byWords].every((content) => answers.has(content));
}

function first(all: readonly Embedded[], score: (one: Embedded) => number): string[] {
  const scored = all.map((one) => ({ content: one.content, score: score(one) }));
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, ANSWERS)
    .map(({ content }) => content);
}
