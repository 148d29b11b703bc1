const MAX_PER_PRINCIPAL = 50;

/** How many streams, of whatever transport, each principal has open. */
export class StreamCounts {
  private readonly open = new Map<string, number>();

  /** @returns false where there are enough; otherwise what is taken is given back by `leave`. */
  enter(principalId: string): boolean {
    const open = this.open.get(principalId) ?? 0;
    if (open >= MAX_PER_PRINCIPAL) return false;
    this.open.set(principalId, open + 1);
    return true;
  }

  leave(principalId: string): void {
    const rest = (this.open.get(principalId) ?? 1) - 1;
    if (rest > 0) this.open.set(principalId, rest);
    else this.open.delete(principalId);
  }
}
