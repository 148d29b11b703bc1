import { createHash } from 'node:crypto';

const MAX_BYTES = 32 * 1024 * 1024;
/** Of an entry beside its numbers: the key, the map's own, the array's head. */
const OVERHEAD = 200;

/** Vectors by what was asked for: model, dimension and text. The one that was not asked for the longest goes first. */
export class VectorCache {
  private readonly entries = new Map<string, Float32Array>();
  private bytes = 0;

  constructor(private readonly maxBytes = MAX_BYTES) {}

  get(key: string): number[] | undefined {
    const vector = this.entries.get(key);
    if (!vector) return undefined;
    this.entries.delete(key);
    this.entries.set(key, vector);
    return Array.from(vector);
  }

  set(key: string, vector: readonly number[]): void {
    this.drop(key);
    const kept = Float32Array.from(vector);
    this.entries.set(key, kept);
    this.bytes += sizeOf(kept);
    for (const oldest of this.entries.keys()) {
      if (this.bytes <= this.maxBytes) return;
      this.drop(oldest);
    }
  }

  get size(): number {
    return this.entries.size;
  }

  private drop(key: string): void {
    const vector = this.entries.get(key);
    if (!vector) return;
    this.entries.delete(key);
    this.bytes -= sizeOf(vector);
  }
}

export function cacheKey(model: string, dimensions: number | undefined, text: string): string {
  return createHash('sha256')
    .update(JSON.stringify([model, dimensions ?? null]))
    .update(text)
    .digest('base64');
}

const sizeOf = (vector: Float32Array): number => vector.byteLength + OVERHEAD;
