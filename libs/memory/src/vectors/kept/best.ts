/** The largest of what is told, a few of many. */
export class Best<Told extends { cosine: number }> {
  private found: Told[] = [];
  private atLeast = -Infinity;

  constructor(private readonly most: number) {}

  /** Whether so much may be among them. */
  takes(cosine: number): boolean {
    return cosine > this.atLeast;
  }

  add(told: Told): void {
    this.found.push(told);
    // Put in order once in a while: a heap would do so at each.
    if (this.found.length < 2 * this.most) return;
    this.found = this.inOrder();
    this.atLeast = (this.found.at(-1) as Told).cosine;
  }

  /** The largest first; of equals the one that was told first. */
  inOrder(): Told[] {
    return this.found.sort((a, b) => b.cosine - a.cosine).slice(0, this.most);
  }
}
