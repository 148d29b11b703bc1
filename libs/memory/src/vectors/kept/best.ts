/** The largest of what is told, a few of many: a heap with the least of them at its root. */
export class Best<Told extends { cosine: number }> {
  private readonly heap: Told[] = [];

  constructor(private readonly most: number) {}

  /** What is not above it is not among them. */
  get least(): number {
    return this.heap.length < this.most ? -Infinity : (this.heap[0] as Told).cosine;
  }

  add(told: Told): void {
    if (!(told.cosine > this.least)) return;
    if (this.heap.length < this.most) this.rise(told);
    else this.sink(told);
  }

  /** The largest first. */
  inOrder(): Told[] {
    return [...this.heap].sort((a, b) => b.cosine - a.cosine);
  }

  /** From a new leaf. */
  private rise(told: Told): void {
    let at = this.heap.push(told) - 1;
    for (let above = (at - 1) >> 1; at > 0 && this.cosineAt(above) > told.cosine; above = (at - 1) >> 1) {
      this.heap[at] = this.heap[above] as Told;
      at = above;
    }
    this.heap[at] = told;
  }

  /** In the place of the root. */
  private sink(told: Told): void {
    let at = 0;
    for (let below = this.lesserBelow(at); this.cosineAt(below) < told.cosine; below = this.lesserBelow(at)) {
      this.heap[at] = this.heap[below] as Told;
      at = below;
    }
    this.heap[at] = told;
  }

  private lesserBelow(at: number): number {
    const left = 2 * at + 1;
    return this.cosineAt(left + 1) < this.cosineAt(left) ? left + 1 : left;
  }

  private cosineAt(at: number): number {
    return this.heap[at]?.cosine ?? Infinity;
  }
}
