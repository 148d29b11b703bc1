import { describe, expect, it } from '@jest/globals';
import { EmbedderAttempts } from './attempts.js';
import { EmbedderError } from './embedder.js';
import type { EmbeddingModel } from './embedding-model.js';
import { SteadyEmbedder } from './steady-embedder.js';
import { VectorCache } from './vector-cache.js';

/** A model of two dimensions: how long a text is, and how many requests came before it. */
class CountingModel implements EmbeddingModel {
  readonly name = 'counting';
  readonly requests: string[][] = [];
  refuses: (text: string) => boolean = () => false;
  /** Answers wait for it. */
  gate: Promise<void> = Promise.resolve();
  answer: (texts: readonly string[]) => unknown = (texts) => texts.map((text) => [text.length, 1]);

  async ask(texts: readonly string[]): Promise<unknown> {
    this.requests.push([...texts]);
    await this.gate;
    if (texts.some(this.refuses)) throw new EmbedderError('REFUSED', 'too long');
    return this.answer(texts);
  }

  embedder(cache = new VectorCache()): SteadyEmbedder {
    return new SteadyEmbedder(this, 2, new EmbedderAttempts(5_000), cache);
  }
}

const direction = (text: string) => [text.length / Math.hypot(text.length, 1), 1 / Math.hypot(text.length, 1)];
const near = (vector: number[] | null | undefined, wanted: number[]) =>
  wanted.forEach((value, place) => expect(vector?.[place]).toBeCloseTo(value, 5));

describe('calls at once', () => {
  it('go out together while one is under way, and each has its own vectors', async () => {
    const model = new CountingModel();
    const embedder = model.embedder();
    let open: () => void = () => undefined;
    model.gate = new Promise((resolve) => (open = resolve));
    const calls = [
      ['a', 'aa'],
      ['bb', 'ccc'],
      ['dddd', 'e'],
    ].map((texts) => embedder.embed(texts));
    await new Promise((resolve) => setTimeout(resolve, 20));
    open();
    const [first, second, third] = await Promise.all(calls);
    expect(model.requests).toEqual([
      ['a', 'aa'],
      ['bb', 'ccc', 'dddd', 'e'],
    ]);
    near(first?.[0], direction('a'));
    near(second?.[0], direction('bb'));
    near(second?.[1], direction('ccc'));
    near(third?.[0], direction('dddd'));
  });

  it('go out apart from those of many texts where they are of one: a question waits for no import', async () => {
    const model = new CountingModel();
    const embedder = model.embedder();
    let open: () => void = () => undefined;
    model.gate = new Promise((resolve) => (open = resolve));
    const calls = [['a'], ['b'], ['bb', 'ccc'], ['c']].map((texts) => embedder.embed(texts));
    await new Promise((resolve) => setTimeout(resolve, 20));
    open();
    await Promise.all(calls);
    expect(model.requests).toHaveLength(3);
    expect(new Set(model.requests.map((texts) => texts.join()))).toEqual(new Set(['a', 'bb,ccc', 'b,c']));
  });

  it('ask for equal texts once', async () => {
    const model = new CountingModel();
    const embedder = model.embedder();
    const answers = await Promise.all([embedder.embed(['same', 'same']), embedder.embed(['same'])]);
    expect(model.requests).toEqual([['same']]);
    for (const vector of answers.flat()) near(vector, direction('same'));
  });

  it('all hear of the failure, and the next asks again', async () => {
    const model = new CountingModel();
    const embedder = model.embedder();
    model.answer = () => [[0, 0]];
    const outcomes = await Promise.allSettled([embedder.embed(['same']), embedder.embed(['same'])]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    model.answer = () => [[3, 4]];
    near((await embedder.embed(['same']))[0], [0.6, 0.8]);
  });

  it('of more than a request takes become several', async () => {
    const model = new CountingModel();
    const texts = Array.from({ length: 250 }, (_, n) => `text ${n}`);
    expect(await model.embedder().embed(texts)).toHaveLength(250);
    expect(model.requests.map((request) => request.length)).toEqual([100, 100, 50]);
    expect(model.requests.flat()).toEqual(texts);
  });
});

describe('what was asked before', () => {
  it('is not asked again', async () => {
    const model = new CountingModel();
    const embedder = model.embedder();
    await embedder.embed(['known']);
    const [known, fresh] = await embedder.embed(['known', 'fresh']);
    expect(model.requests).toEqual([['known'], ['fresh']]);
    near(known, direction('known'));
    near(fresh, direction('fresh'));
  });

  it('is kept apart by model, dimension and text, and only as much as fits', async () => {
    const cache = new VectorCache(3 * (200 + 8));
    const model = new CountingModel();
    const embedder = model.embedder(cache);
    for (const text of ['a', 'b', 'c', 'a', 'd']) await embedder.embed([text]);
    expect(cache.size).toBe(3);
    await embedder.embed(['a', 'b']);
    expect(model.requests.flat()).toEqual(['a', 'b', 'c', 'd', 'b']);
    await new SteadyEmbedder(
      Object.assign(new CountingModel(), { name: 'other' }),
      2,
      new EmbedderAttempts(5_000),
      cache,
    ).embed(['a']);
    expect(cache.size).toBe(3);
  });

  it('is not pushed out by the backlog', async () => {
    const cache = new VectorCache();
    await new CountingModel().embedder(cache).embed(['of the backlog'], 'nobody waits');
    expect(cache.size).toBe(0);
  });
});

describe('a text that the model refuses', () => {
  it('has no vector, and the others of its request have theirs', async () => {
    const model = new CountingModel();
    model.refuses = (text) => text.startsWith('bad');
    const texts = ['a', 'bb', 'bad', 'dddd', 'eeeee'];
    const vectors = await model.embedder().embed(texts);
    expect(vectors.map((vector) => vector !== null)).toEqual([true, true, false, true, true]);
    near(vectors[3], direction('dddd'));
  });

  it('is asked for by its beginning where it is long', async () => {
    const model = new CountingModel();
    model.refuses = (text) => text.length > 3_000;
    const [vector] = await model.embedder().embed(['x'.repeat(20_000)]);
    expect(model.requests.map(([text]) => text?.length)).toEqual([8_192, 'memory'.length, 4_096, 2_048]);
    near(vector, direction('x'.repeat(2_048)));
  });

  it('is never cut in the middle of a character', async () => {
    const model = new CountingModel();
    await model.embedder().embed([`x${'😀'.repeat(5_000)}`]);
    expect(model.requests[0]?.[0]?.length).toBe(8_191);
  });

  it('is told from a model that refuses whatever it is asked', async () => {
    const model = new CountingModel();
    model.refuses = () => true;
    await expect(model.embedder().embed(['a', 'b'])).rejects.toMatchObject({ failure: 'AWAY' });
    expect(model.requests).toEqual([['a', 'b'], ['memory']]);
  });
});

describe('what is no vector is refused, and said', () => {
  it.each<[string, unknown, RegExp]>([
    ['no list', { data: 1 }, /1 texts were sent and no vectors/],
    [
      'too many',
      [
        [1, 1],
        [1, 1],
      ],
      /1 texts were sent and 2 vectors/,
    ],
    ['none', [], /1 texts were sent and 0 vectors/],
    ['another dimension', [[1, 1, 1]], /has 3 dimensions, not 2/],
    ['a missing one', [undefined], /has no dimensions, not 2/],
    ['NaN', [[NaN, 1]], /no finite number/],
    ['infinity', [[Infinity, 1]], /no finite number/],
    ['null', [[null, 1]], /no finite number/],
    ['numbers as text', [['1', '1']], /no finite number/],
    ['zeros', [[0, 0]], /is zero/],
    ['numbers whose length overflows', [[1e200, 1e200]], /too long to be measured/],
  ])('%s', async (_, answer, problem) => {
    const model = new CountingModel();
    model.answer = () => answer;
    const failure = model.embedder().embed(['a']);
    await expect(failure).rejects.toThrow(problem);
    await expect(failure).rejects.toMatchObject({ failure: 'WRONG' });
  });
});
