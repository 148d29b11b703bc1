import { told, type Judged } from './table.js';

const WIDTH = 1180;
const LABELS = 560;
const BARS = 380;
const LINE = 22;
const PANEL_HEAD = 46;
const MARGIN = 24;
/** From here on, a bar of the smallest would not be seen beside the largest. */
const LOGARITHMIC_FROM = 30;

const INK = '#1f2933';
const FAINT = '#7b8794';
const FILL = { told: '#9fb3c8', yes: '#2f7d5b', no: '#c2410c' };

interface Panel {
  title: string;
  rows: Judged[];
}

/** Bars of all rows, a panel to each workload and unit, with the limits as marks. */
export function svg(rows: readonly Judged[], subtitle: string): string {
  const panels = panelsOf(rows.filter(({ value }) => Number.isFinite(value)));
  let top = MARGIN + 52;
  const drawn = panels.map((panel) => {
    const part = drawPanel(panel, top);
    top += PANEL_HEAD + panel.rows.length * LINE + 14;
    return part;
  });
  const head = [
    text(MARGIN, MARGIN + 14, 'Commonplace: npm run bench', { size: 18, weight: 600 }),
    text(MARGIN, MARGIN + 34, subtitle, { fill: FAINT }),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top + MARGIN}" width="${WIDTH}" height="${top + MARGIN}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...head,
    legend(),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function panelsOf(rows: readonly Judged[]): Panel[] {
  const panels = new Map<string, Panel>();
  for (const row of rows) {
    const title = `${row.workload}, ${row.unit}`;
    const panel = panels.get(title) ?? { title, rows: [] };
    panel.rows.push(row);
    panels.set(title, panel);
  }
  return [...panels.values()];
}

function drawPanel({ title, rows }: Panel, top: number): string {
  const scale = scaleOf(rows);
  const lines = rows.map((row, nth) => drawRow(row, top + PANEL_HEAD + nth * LINE, scale));
  const note = scale.logarithmic ? ' (logarithmic)' : '';
  return [
    `<line x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${top + 8}" y2="${top + 8}" stroke="#e4e7eb"/>`,
    text(MARGIN, top + 30, `${title}${note}`, { size: 14, weight: 600 }),
    ...lines,
  ].join('\n');
}

interface Scale {
  logarithmic: boolean;
  at: (value: number) => number;
}

function scaleOf(rows: readonly Judged[]): Scale {
  const values = rows.flatMap(({ value, limit, atLeast, spread }) => [
    value,
    limit ?? value,
    atLeast ?? value,
    ...(spread ?? []),
  ]);
  const most = Math.max(...values, 0) || 1;
  const least = Math.min(...values.filter((value) => value > 0), most);
  if (most / least < LOGARITHMIC_FROM) {
    return { logarithmic: false, at: (value) => (Math.max(0, value) / most) * BARS };
  }
  const from = Math.log(least / 2);
  const width = BARS / (Math.log(most) - from);
  return { logarithmic: true, at: (value) => (value <= 0 ? 0 : Math.max(0, Math.log(value) - from) * width) };
}

function drawRow(row: Judged, top: number, { at }: Scale): string {
  const left = MARGIN + LABELS;
  const fill = row.ok === null ? FILL.told : row.ok ? FILL.yes : FILL.no;
  const limit = row.atLeast ?? row.limit;
  const middle = top + LINE / 2;
  const recall = row.recall === undefined ? '' : `  recall ${row.recall.toFixed(3)}`;
  const parts = [
    text(left - 10, middle + 4, row.row, { anchor: 'end' }),
    `<rect x="${left}" y="${top + 4}" width="${Math.max(1, at(row.value)).toFixed(1)}" height="${LINE - 8}" fill="${fill}"/>`,
  ];
  let end = at(row.value);
  if (row.spread) {
    const [low, high] = row.spread.map(at) as [number, number];
    parts.push(
      `<line x1="${(left + low).toFixed(1)}" x2="${(left + high).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${INK}" stroke-width="1.5"/>`,
    );
    end = Math.max(end, high);
  }
  if (limit !== null) {
    const x = (left + at(limit)).toFixed(1);
    parts.push(
      `<line x1="${x}" x2="${x}" y1="${top + 1}" y2="${top + LINE - 1}" stroke="${INK}" stroke-width="2" stroke-dasharray="3 2"/>`,
    );
    end = Math.max(end, at(limit));
  }
  parts.push(
    text(left + end + 8, middle + 4, `${told(row.value, row.unit)}${recall}`, {
      fill: row.ok === false ? FILL.no : INK,
    }),
  );
  return parts.join('\n');
}

function legend(): string {
  const entries = [
    [FILL.told, 'told, not judged'],
    [FILL.yes, 'within its limit'],
    [FILL.no, 'over its limit'],
  ] as const;
  const left = WIDTH - MARGIN - 470;
  const boxes = entries.map(
    ([fill, name], nth) =>
      `<rect x="${left + nth * 125}" y="${MARGIN + 5}" width="11" height="11" fill="${fill}"/>${text(left + nth * 125 + 16, MARGIN + 15, name, {})}`,
  );
  return [...boxes, text(left + 375, MARGIN + 15, '┆ limit  ─ spread', {})].join('\n');
}

interface TextStyle {
  size?: number;
  weight?: number;
  fill?: string;
  anchor?: 'end';
}

function text(x: number, y: number, content: string, { size, weight, fill = INK, anchor }: TextStyle): string {
  const attributes = [
    size && `font-size="${size}"`,
    weight && `font-weight="${weight}"`,
    anchor && `text-anchor="${anchor}"`,
  ];
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${fill}" ${attributes.filter(Boolean).join(' ')}>${escaped(content)}</text>`;
}

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
