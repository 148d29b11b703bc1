import { readFile } from 'node:fs/promises';
import fs from 'node:fs';
import path from 'node:path';
import { EmbedderError } from './embedder.js';
import type { EmbeddingModel } from './embedding-model.js';

/** Names of models that are folders here: file:./models/all-MiniLM-L6-v2 */
export const LOCAL_MODEL = /^file:/;
const PACKAGE = '@huggingface/transformers';
/** What is looked for in the folder, best first. */
const FILES = [
  { file: 'onnx/model.onnx', dtype: 'fp32' },
  { file: 'onnx/model_fp16.onnx', dtype: 'fp16' },
  { file: 'onnx/model_quantized.onnx', dtype: 'q8' },
] as const;
/** A forward pass takes memory for all its texts at once. */
const TOGETHER = 16;

/** As much of the package as is used. */
export interface Transformers {
  env: { allowRemoteModels: boolean; allowLocalModels: boolean; localModelPath: string };
  pipeline(task: 'feature-extraction', model: string, options: object): Promise<Extractor>;
}
type Extractor = (texts: string[], options: { pooling: Pooling; normalize: boolean }) => Promise<{ tolist(): unknown }>;
type Pooling = 'mean' | 'cls';
type Load = () => Promise<Transformers>;

/** Where the package looks for folders is one setting of the whole process: models are opened one after the other. */
let opening: Promise<unknown> = Promise.resolve();

/** A model from a folder with its ONNX, its tokenizer and its config.json; nothing is fetched from anywhere. */
export class LocalModel implements EmbeddingModel {
  private opened: Promise<{ extract: Extractor; pooling: Pooling }> | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly name: string,
    private readonly load: Load = loadPackage,
  ) {}

  async ask(texts: readonly string[], signal: AbortSignal): Promise<unknown> {
    // One after the other: the model uses all processors by itself, and what is late cannot be stopped.
    const turn = this.last.then(() => this.extract(texts, signal));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async extract(texts: readonly string[], signal: AbortSignal): Promise<unknown[]> {
    const { extract, pooling } = await this.open();
    const vectors: unknown[] = [];
    for (let from = 0; from < texts.length; from += TOGETHER) {
      if (signal.aborted) throw new EmbedderError('LATE', 'the local model did not answer in time');
      const answer = await extract(texts.slice(from, from + TOGETHER), { pooling, normalize: true });
      vectors.push(...(answer.tolist() as unknown[]));
    }
    return vectors;
  }

  /** Tried again with the next call where it failed: the folder may have been put there since. */
  private open(): Promise<{ extract: Extractor; pooling: Pooling }> {
    this.opened ??= this.openFolder().catch((error: unknown) => {
      this.opened = undefined;
      throw error;
    });
    return this.opened;
  }

  private async openFolder(): Promise<{ extract: Extractor; pooling: Pooling }> {
    const folder = path.resolve(this.name.replace(LOCAL_MODEL, ''));
    const found = FILES.find(({ file }) => fs.existsSync(path.join(folder, file)));
    if (!found)
      throw new EmbedderError(
        'MISSING',
        `${this.name} holds none of ${FILES.map(({ file }) => file).join(', ')}: EMBEDDING_MODEL must name the folder of a model in ONNX`,
      );
    const transformers = await this.load();
    const pooling = await poolingOf(folder);
    const turn = opening.then(() => {
      Object.assign(transformers.env, {
        allowRemoteModels: false,
        allowLocalModels: true,
        localModelPath: path.dirname(folder),
      });
      return transformers.pipeline('feature-extraction', path.basename(folder), {
        dtype: found.dtype,
        local_files_only: true,
      });
    });
    opening = turn.catch(() => undefined);
    try {
      return { extract: await turn, pooling };
    } catch (error) {
      const message = `the model in ${this.name} cannot be opened: ${(error as Error).message}`;
      throw new EmbedderError('MISSING', message, { cause: error });
    }
  }
}

/** Sentence transformers say in a file of their own how the vector of a text is made of those of its tokens. */
async function poolingOf(folder: string): Promise<Pooling> {
  try {
    const said = JSON.parse(await readFile(path.join(folder, '1_Pooling/config.json'), 'utf8')) as {
      pooling_mode_cls_token?: unknown;
    };
    return said.pooling_mode_cls_token === true ? 'cls' : 'mean';
  } catch {
    return 'mean'; // what most models want, and all that do not say
  }
}

/** Installed by those who use it: it is large, and comes with programs for each kind of machine. */
async function loadPackage(): Promise<Transformers> {
  const name: string = PACKAGE; // not resolved when the program is built
  try {
    return (await import(name)) as Transformers;
  } catch (error) {
    const message = `EMBEDDING_MODEL names a folder, and ${PACKAGE} is not here to read it: npm install ${PACKAGE}`;
    throw new EmbedderError('MISSING', message, { cause: error });
  }
}
