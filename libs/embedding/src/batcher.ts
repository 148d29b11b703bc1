/** At most so long a call waits for others; and not at all while no other is under way. */
const WAIT_MS = 3;
const MAX_TEXTS = 100;
const MAX_CHARACTERS = 400_000;

interface Call<Vector> {
  texts: readonly string[];
  resolve: (vectors: Vector[]) => void;
  reject: (error: unknown) => void;
}

/** Calls that come while another is under way go out together. */
export class Batcher<Vector> {
  private waiting: Call<Vector>[] = [];
  private underWay = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly send: (texts: readonly string[]) => Promise<Vector[]>) {}

  ask(texts: readonly string[]): Promise<Vector[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ texts, resolve, reject });
      if (this.underWay === 0) this.flush();
      else this.timer ??= setTimeout(() => this.flush(), WAIT_MS);
    });
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const calls = this.waiting;
    this.waiting = [];
    for (const group of grouped(calls)) void this.dispatch(group);
  }

  private async dispatch(calls: Call<Vector>[]): Promise<void> {
    this.underWay++;
    try {
      const vectors = await this.send(calls.flatMap((call) => call.texts));
      let from = 0;
      for (const call of calls) call.resolve(vectors.slice(from, (from += call.texts.length)));
    } catch (error) {
      for (const call of calls) call.reject(error);
    } finally {
      this.underWay--;
    }
  }
}

/** Groups that fit into one request; a call that does not fit into one by itself is split further on. */
function grouped<Vector>(calls: readonly Call<Vector>[]): Call<Vector>[][] {
  const groups: Call<Vector>[][] = [];
  let [texts, characters] = [Infinity, Infinity];
  for (const call of calls) {
    const length = charactersOf(call.texts);
    if (texts + call.texts.length > MAX_TEXTS || characters + length > MAX_CHARACTERS) {
      groups.push([]);
      [texts, characters] = [0, 0];
    }
    (groups.at(-1) as Call<Vector>[]).push(call);
    texts += call.texts.length;
    characters += length;
  }
  return groups;
}

/** Slices that fit into one request each. */
export function slices(texts: readonly string[]): string[][] {
  const sliced: string[][] = [];
  let characters = 0;
  for (const text of texts) {
    const last = sliced.at(-1);
    if (!last || last.length === MAX_TEXTS || characters + text.length > MAX_CHARACTERS) {
      sliced.push([text]);
      characters = text.length;
    } else {
      last.push(text);
      characters += text.length;
    }
  }
  return sliced;
}

const charactersOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0);
