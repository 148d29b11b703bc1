import fs from 'node:fs';
import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  type CST,
  type Document,
  type Node,
} from 'yaml';
import { told } from '../fail.js';

const LARGEST_BYTES = 2 * 1024 * 1024;
/** Far above what a document of cases or a policy needs; the composer behind it is recursive, and quadratic in a map. */
const DEEPEST = 64;
const MOST_ENTRIES = 10_000;
const MOST_ALIASES = 100;

/** A file of YAML, or of JSON, which is YAML too; it knows on which line a value stands. */
export class YamlFile {
  private constructor(
    readonly name: string,
    readonly value: unknown,
    private readonly document: Document,
    private readonly lines: LineCounter,
  ) {}

  /** @throws what an operator is told: in one line, with the file and where possible the line in it */
  static read(name: string): YamlFile {
    const text = readText(name);
    const lines = new LineCounter();
    const refuse = (offset: number, problem: string) =>
      told(`${name}:${lines.linePos(offset).line}: ${problem.split('\n')[0]}`);
    const tokens = [...new Parser(lines.addNewLine).parse(text)];
    refuseMonsters(tokens, refuse);
    const composed = new Composer({ prettyErrors: false }).compose(tokens, true, text.length);
    // Even nothing is a document.
    const [document, another] = [...composed] as [Document, Document.Parsed?];
    if (another) throw refuse(another.range[0], 'a second document begins here; only one is taken');
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem) throw refuse(problem.pos[0], problem.message);
    return new YamlFile(name, valueOf(document, name), document, lines);
  }

  /** The line of a place such as `cases.3.principals.1`, or of as much of it as is there. */
  lineOf(place: string): number {
    let node: unknown = this.document.contents;
    let offset = 0;
    for (const part of place.split('.')) {
      const found = this.step(node, part);
      if (!found) break;
      node = found.value;
      offset = found.offset;
    }
    return this.lines.linePos(offset).line;
  }

  private step(from: unknown, part: string): { value: unknown; offset: number } | undefined {
    const node = isAlias(from) ? from.resolve(this.document) : from;
    if (isSeq(node)) {
      const item = node.items[Number(part)] as Node | undefined;
      return item?.range ? { value: item, offset: item.range[0] } : undefined;
    }
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === part) : undefined;
    const range = (pair?.key as Node | undefined)?.range;
    return pair && range ? { value: pair.value, offset: range[0] } : undefined;
  }
}

function readText(name: string): string {
  let bytes: Buffer;
  try {
    const stats = fs.statSync(name);
    if (!stats.isFile()) throw new Error('it is not a file');
    if (stats.size > LARGEST_BYTES) throw new Error(`it has ${stats.size} bytes; at most ${LARGEST_BYTES} are taken`);
    bytes = fs.readFileSync(name);
  } catch (error) {
    throw told(`${name} cannot be read: ${(error as Error).message}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw told(`${name} cannot be read: it is not valid UTF-8`);
  }
}

type Refuse = (offset: number, problem: string) => Error;

/** Level by level, for what this is here to find would overflow a recursive walk. */
function refuseMonsters(tokens: readonly CST.Token[], refuse: Refuse): void {
  let level: readonly CST.Token[] = tokens;
  for (let depth = 0; level.length > 0; depth++) {
    const [first] = level;
    if (depth > DEEPEST) throw refuse(offsetOf(first), 'is nested too deeply');
    const large = level.find((token) => 'items' in token && token.items.length > MOST_ENTRIES);
    if (large) throw refuse(offsetOf(large), `has more than ${MOST_ENTRIES} entries`);
    level = level.flatMap(partsOf);
  }
}

const offsetOf = (token: CST.Token | undefined): number => (token && 'offset' in token ? token.offset : 0);

function partsOf(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value ? [token.value] : [];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) => [key, value].filter((part) => part != null));
}

function valueOf(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch (error) {
    // An alias without an anchor, or aliases of aliases that would grow without end.
    throw told(`${name}: ${(error as Error).message}; at most ${MOST_ALIASES} aliases are taken`);
  }
}
