import { styleText } from 'node:util';

type Print = (line: string) => void;
type Style = Parameters<typeof styleText>[0];

/** Plain text with headings and columns; colour only where a terminal shows it. */
export class Terminal {
  readonly width: number;
  private readonly colour: boolean;

  constructor(
    private readonly print: Print,
    { colour = process.stdout.isTTY && process.stdout.hasColors(), width = process.stdout.columns } = {},
  ) {
    this.colour = Boolean(colour);
    this.width = Math.max(60, Math.min(width || 120, 160));
  }

  line(text = ''): void {
    this.print(text.trimEnd());
  }

  heading(text: string): void {
    this.line();
    this.line(this.style('bold', text));
    this.line(this.style('dim', '─'.repeat(Math.min(this.width, text.length))));
  }

  style(style: Style, text: string): string {
    return this.colour ? styleText(style, text) : text;
  }

  /** Cells of fixed widths; what is left of the line goes to the last one, which is cut there. */
  row(cells: string[], widths: number[]): void {
    const fixed = widths.map((width, index) => clip(cells[index] ?? '', width).padEnd(width)).join('  ');
    const rest = cells.slice(widths.length).join('  ');
    this.line(`${fixed}  ${clip(rest, this.width - fixed.length - 2)}`);
  }

  paragraph(text: string, indent = 2): void {
    for (const line of wrap(text, this.width - indent)) this.line(' '.repeat(indent) + line);
  }

  /** Blocks of lines beside each other, or below each other where the terminal is narrow. */
  sideBySide(blocks: { title: string; lines: (width: number) => string[] }[]): void {
    const across = this.width >= 96;
    const width = across ? Math.floor((this.width - 2 * (blocks.length - 1)) / blocks.length) : this.width;
    const columns = blocks.map(({ title, lines }) => [title.padEnd(width), ...lines(width)]);
    if (!across)
      return columns.forEach((column) => column.forEach((line, row) => this.cells([line], width, row === 0)));
    const height = Math.max(...columns.map((column) => column.length));
    for (let row = 0; row < height; row++)
      this.cells(
        columns.map((column) => column[row] ?? ''),
        width,
        row === 0,
      );
  }

  private cells(cells: string[], width: number, isTitle: boolean): void {
    const text = cells
      .map((cell) => cell.padEnd(width))
      .join('  ')
      .trimEnd();
    this.line(isTitle ? this.style('bold', text) : text);
  }
}

export function clip(text: string, width: number): string {
  const line = text.replace(/\s+/g, ' ');
  if (line.length <= width) return line;
  return width < 1 ? '' : `${line.slice(0, width - 1).trimEnd()}…`;
}

/** At most `most` lines; the last one tells by an ellipsis that there was more. */
export function wrap(text: string, width: number, most = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = line ? `${line} ${word}` : clip(word, width);
  }
  lines.push(line);
  if (lines.length <= most) return lines;
  return [
    ...lines.slice(0, most - 1),
    clip(`${lines[most - 1]} ${lines[most]}`, Math.max(1, width - 1)).replace(/…?$/, '…'),
  ];
}
