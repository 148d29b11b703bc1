import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { ConfiguredEmbedders } from './embedders.js';
import { LocalModel, type Transformers } from './local-model.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'commonplace-models-'));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

function folder(name: string, files: Record<string, string>): string {
  for (const [file, content] of Object.entries(files)) {
    const full = path.join(root, name, file);
    fs.mkdirSync(path.dirname(full), { recursive: true });
    fs.writeFileSync(full, content);
  }
  return `file:${path.join(root, name)}`;
}

/** The package's API as far as it is used: its pipeline answers tensors, which tell their numbers with tolist. */
class FakeTransformers implements Transformers {
  env = { allowRemoteModels: true, allowLocalModels: false, localModelPath: '/models/' };
  opened: { model: string; options: object; env: object }[] = [];
  asked: { texts: string[]; options: object }[] = [];
  fails: Error | null = null;
  /** How many run at once, at most. */
  most = 0;
  private running = 0;

  async pipeline(_task: 'feature-extraction', model: string, options: object) {
    this.opened.push({ model, options, env: { ...this.env } });
    await Promise.resolve();
    if (this.fails) throw this.fails;
    return async (texts: string[], how: object) => {
      this.most = Math.max(this.most, ++this.running);
      this.asked.push({ texts, options: how });
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.running--;
      return { tolist: () => texts.map((text) => [text.length, 1, 1]) };
    };
  }
}

let fake: FakeTransformers;
beforeEach(() => {
  fake = new FakeTransformers();
});
function isInstalled(): boolean {
  try {
    return createRequire(import.meta.url).resolve('@huggingface/transformers') !== '';
  } catch {
    return false;
  }
}
const load = () => Promise.resolve(fake);
const later = () => AbortSignal.timeout(5_000);
const ONNX = { 'onnx/model.onnx': '' };

describe('a model from a folder', () => {
  it('is read from there and nowhere else', async () => {
    const model = new LocalModel(folder('plain', ONNX), load);
    expect(await model.ask(['ab', 'abc'], later())).toEqual([
      [2, 1, 1],
      [3, 1, 1],
    ]);
    expect(fake.opened).toEqual([
      {
        model: 'plain',
        options: { dtype: 'fp32', local_files_only: true },
        env: { allowRemoteModels: false, allowLocalModels: true, localModelPath: root },
      },
    ]);
    expect(fake.asked[0]?.options).toEqual({ pooling: 'mean', normalize: true });
  });

  it('pools as its folder says, and is taken quantized where that is what there is', async () => {
    const name = folder('bge', {
      'onnx/model_quantized.onnx': '',
      '1_Pooling/config.json': JSON.stringify({ pooling_mode_cls_token: true }),
    });
    await new LocalModel(name, load).ask(['a'], later());
    expect(fake.opened[0]?.options).toMatchObject({ dtype: 'q8' });
    expect(fake.asked[0]?.options).toMatchObject({ pooling: 'cls' });
  });

  it('is opened once, and asked one call after the other, a few texts at a time', async () => {
    const model = new LocalModel(folder('plain', ONNX), load);
    const texts = Array.from({ length: 20 }, (_, n) => 'x'.repeat(n + 1));
    const [all] = await Promise.all([model.ask(texts, later()), model.ask(['a'], later())]);
    expect(all).toEqual(texts.map((text) => [text.length, 1, 1]));
    expect(fake.opened).toHaveLength(1);
    expect(fake.most).toBe(1);
    expect(fake.asked.map(({ texts: { length } }) => length)).toEqual([16, 4, 1]);
  });

  it('does not begin what nobody waits for any more', async () => {
    const model = new LocalModel(folder('plain', ONNX), load);
    await expect(model.ask(['a'], AbortSignal.abort())).rejects.toMatchObject({ failure: 'LATE' });
    expect(fake.asked).toEqual([]);
  });

  it('that is not there says what was looked for, and is found when it was put there', async () => {
    const model = new LocalModel(`file:${path.join(root, 'later')}`, load);
    await expect(model.ask(['a'], later())).rejects.toThrow(/later holds none of onnx\/model.onnx, /);
    folder('later', ONNX);
    expect(await model.ask(['a'], later())).toHaveLength(1);
  });

  it('that cannot be opened says why', async () => {
    fake.fails = new Error('protobuf parsing failed');
    const failure = new LocalModel(folder('plain', ONNX), load).ask(['a'], later());
    await expect(failure).rejects.toThrow(/cannot be opened: protobuf parsing failed/);
    await expect(failure).rejects.toMatchObject({ failure: 'MISSING' });
  });

  // Where somebody has installed the optional package it is not missing.
  (isInstalled() ? it.skip : it)('without the package says what to install', async () => {
    const failure = new LocalModel(folder('plain', ONNX)).ask(['a'], later());
    await expect(failure).rejects.toThrow(/npm install @huggingface\/transformers/);
    await expect(failure).rejects.toMatchObject({ failure: 'MISSING' });
  });

  it('is what EMBEDDING_MODEL=file:… makes, loaded once for measuring and for every space', async () => {
    const model = folder('plain', ONNX);
    const config = { model, dimensions: undefined, timeoutMs: 5_000, baseUrl: undefined, apiKey: undefined };
    const embedders = new ConfiguredEmbedders(config, load);
    expect(await embedders.measure()).toBe(3);
    const [vector] = await embedders.of({ model, dimensions: 3, askedDimensions: null }).embed(['a']);
    expect(vector).toEqual([1, 1, 1].map((value) => value / Math.sqrt(3)));
    expect(fake.opened).toHaveLength(1);
  });
});
