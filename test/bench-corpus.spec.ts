import { expect, it } from '@jest/globals';
import { Corpus, recallOf } from '../bench/cost/corpus.js';
import { cosine, embed } from '../bench/cost/stub-embedding.js';

const corpus = new Corpus();
const scopes = [corpus.scope('a', 60), corpus.scope('b', 60)];

it('asks about all scopes, and only what ten of their memories answer', () => {
  const questions = corpus.questions(scopes, 6);
  const homes = questions.map(({ answers }) =>
    scopes.findIndex(({ contents }) => [...answers].every((one) => contents.includes(one))),
  );
  expect(new Set(homes)).toEqual(new Set([0, 1]));
  expect(questions.map(({ answers }) => answers.size)).toEqual(Array(6).fill(10));
});

it('makes the same texts and vectors in every run', () => {
  expect(new Corpus().scope('a', 60)).toEqual(scopes[0]);
  expect(embed('vector 17')).toEqual(embed('vector 17'));
  expect(embed('vector 17')).not.toEqual(embed('vector 18'));
});

it('puts texts of the same words nearer than others, and numbers of a cluster nearer than of another', () => {
  const boats = embed('a green boat on the lake');
  expect(cosine(boats, embed('the green boat'))).toBeGreaterThan(cosine(boats, embed('seven old coins')));
  expect(cosine(embed('vector 3'), embed('vector 403'))).toBeGreaterThan(cosine(embed('vector 3'), embed('vector 4')));
});

it('counts what was found of the answers among the first ten', () => {
  const answers = new Set(Array.from({ length: 10 }, (_, nth) => `m${nth}`));
  const others = Array.from({ length: 10 }, (_, nth) => `other ${nth}`);
  expect(recallOf([...answers], { text: '', answers })).toBe(1);
  expect(recallOf(['m1', ...others, 'm2'], { text: '', answers })).toBe(0.1);
});
