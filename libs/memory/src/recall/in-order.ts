/** Items in their order, by their numbers from 0; of an array too. */
export interface InOrder<Item> {
  readonly length: number;
  /** Undefined behind the last. */
  at(nth: number): Item | undefined;
}

/**
 * Sorted as far as it is asked for: of hundreds that are found a few dozen are looked at, and to sort them all took a tenth of a
 * recall's time. A heap, whose root goes to the end of what is sorted.
 */
export class Sorted<Item> implements InOrder<Item> {
  private readonly sorted: Item[] = [];
  private readonly heap: Item[];

  /** @param compare below 0 where the first comes before the second; of equals either may */
  constructor(
    items: readonly Item[],
    private readonly compare: (a: Item, b: Item) => number,
  ) {
    this.heap = [...items];
    for (let at = (this.heap.length >> 1) - 1; at >= 0; at--) this.sink(this.heap[at] as Item, at);
  }

  get length(): number {
    return this.sorted.length + this.heap.length;
  }

  at(nth: number): Item | undefined {
    while (this.sorted.length <= nth && this.heap.length > 0) this.takeFirst();
    return this.sorted[nth];
  }

  private takeFirst(): void {
    const [first] = this.heap as [Item];
    const last = this.heap.pop() as Item;
    if (this.heap.length > 0) this.sink(last, 0);
    this.sorted.push(first);
  }

  /** From a place that it is to take, or one below. */
  private sink(item: Item, from: number): void {
    const { heap } = this;
    let at = from;
    for (let below = this.firstBelow(at); below < heap.length; below = this.firstBelow(at)) {
      if (this.compare(heap[below] as Item, item) >= 0) break;
      heap[at] = heap[below] as Item;
      at = below;
    }
    heap[at] = item;
  }

  private firstBelow(at: number): number {
    const left = 2 * at + 1;
    const right = left + 1;
    const isRight = right < this.heap.length && this.compare(this.heap[right] as Item, this.heap[left] as Item) < 0;
    return isRight ? right : left;
  }
}

export function* inOrder<Item>(items: InOrder<Item>): Generator<Item> {
  for (let nth = 0; nth < items.length; nth++) yield items.at(nth) as Item;
}
