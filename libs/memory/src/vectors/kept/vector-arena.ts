import { dotProductsIn, STEP, type DotProducts } from './dot-products.js';
import { PAGE, webAssembly, type WasmMemory } from './web-assembly.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;
/** The first page is the query's, the second that of the answers. */
const [QUERY, OUT, RESERVED] = [0, PAGE, 2];
/** Pages are asked for by so many: each time the buffer of all of the memory is another one. */
const GROWN_AT_ONCE = 16;

/** What may be compared with a query: of so many numbers a vector fills a page. */
export const MAX_DIMENSIONS = PAGE / BYTES;

/** A memory of its own for vectors, in pages, with the code that compares all of a page with a query. */
export class VectorArena {
  private readonly free: number[] = [];
  private pages: number;

  private constructor(
    private readonly memory: WasmMemory,
    private readonly dotProducts: DotProducts,
    /** Pages that there are to take at most. */
    readonly capacity: number,
  ) {
    this.pages = RESERVED;
  }

  /** Undefined where there is room for none, or no code to compare them. */
  static of(megabytes: number): VectorArena | undefined {
    const capacity = Math.floor((megabytes * 2 ** 20) / PAGE);
    if (!webAssembly || capacity === 0) return undefined;
    try {
      const memory = new webAssembly.Memory({ initial: RESERVED, maximum: RESERVED + capacity });
      return new VectorArena(memory, dotProductsIn(memory), capacity);
    } catch {
      // No addresses to be had, or a processor without these instructions: the database compares.
      return undefined;
    }
  }

  /** A page of zeros; undefined where all are taken. */
  take(): number | undefined {
    if (this.free.length === 0) this.grow();
    return this.free.pop();
  }

  /** Leaves nothing of it behind. */
  give(page: number): void {
    this.of(page, 0, PAGE / BYTES).fill(0);
    this.free.push(page);
  }

  /** The numbers of a place in a page, to write to before anything else is asked for. */
  of(page: number, first: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, page * PAGE + first * BYTES, length);
  }

  /** For the comparisons that follow. */
  ask(query: Float32Array): void {
    const numbers = this.of(QUERY, 0, strideOf(query.length));
    numbers.fill(0);
    numbers.set(query);
  }

  /** The dot products of the first so many vectors of the page with the query, until the next are asked for. */
  compare(page: number, count: number, dimensions: number): Float32Array {
    const bytes = strideOf(dimensions) * BYTES;
    const first = page * PAGE;
    this.dotProducts(first, first + count * bytes, QUERY, QUERY + bytes, OUT);
    return new Float32Array(this.memory.buffer, OUT, count);
  }

  private grow(): void {
    const more = Math.min(GROWN_AT_ONCE, RESERVED + this.capacity - this.pages);
    if (more === 0) return;
    try {
      this.memory.grow(more);
    } catch {
      // The machine has no more.
      return;
    }
    for (let page = this.pages + more - 1; page >= this.pages; page--) this.free.push(page);
    this.pages += more;
  }
}

/** From the start of a vector to that of the next, in numbers. */
export const strideOf = (dimensions: number): number => Math.ceil(dimensions / STEP) * STEP;
