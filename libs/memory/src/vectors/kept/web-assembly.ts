/** What is used of WebAssembly here; its types come with those of browsers, which the project does without. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** Detaches the buffer of before. @returns how many pages there were @throws RangeError beyond the maximum */
  grow: (pages: number) => number;
}
interface WebAssemblyHere {
  Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
}

/** Undefined where V8 may not compile, as with --jitless. */
export const webAssembly = (globalThis as { WebAssembly?: WebAssemblyHere }).WebAssembly;

/** Of WebAssembly's memory, in bytes. */
export const PAGE = 65_536;
