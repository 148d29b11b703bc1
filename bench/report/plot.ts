import { told, type Judged } from './table.js';

const WIDTH = 1080;
const MARGIN = 24;
const LABELS = 330;
const LEFT = MARGIN + LABELS + 12;
const BARS = 500;
const VALUES = LEFT + BARS + 14;
const RECALLS = VALUES + 90;
const LINE = 20;
const GROUP_HEAD = 26;
const PANEL_HEAD = 42;
/** From here on, a bar of the smallest would not be seen beside the largest. */
const LOGARITHMIC_FROM = 30;

const INK = '#1f2933';
const FAINT = '#7b8794';
const FILL = { told: '#9fb3c8', yes: '#2f7d5b', no: '#c2410c' };

/** Rows that say the same of different things, such as `p50: broker` and `p50: SQL alone`. */
interface Group {
  title: string;
  rows: { label: string; row: Judged }[];
}

interface Panel {
  title: string;
  groups: Group[];
}

/** Bars of all rows that have a value: a panel to each workload and unit, with limits and spreads as marks. */
export function svg(rows: readonly Judged[], subtitle: string): string {
  let top = MARGIN + 50;
  const drawn = panelsOf(rows.filter(({ value }) => Number.isFinite(value))).map((panel) => {
    const part = drawPanel(panel, top);
    top += heightOf(panel);
    return part;
  });
  const height = top + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="'DejaVu Sans', Verdana, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    text(MARGIN, MARGIN + 14, 'npm run bench', { size: 18, weight: 600 }),
    text(MARGIN, MARGIN + 34, subtitle, { fill: FAINT }),
    legend(),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function panelsOf(rows: readonly Judged[]): Panel[] {
  const panels = new Map<string, Panel>();
  for (const row of rows) {
    const title = `${row.workload}, ${row.unit}`;
    const panel = panels.get(title) ?? { title, groups: [] };
    panels.set(title, panel);
    const [name, label] = splitName(row.row);
    let group = panel.groups.find((one) => one.title === name);
    if (!group) panel.groups.push((group = { title: name, rows: [] }));
    group.rows.push({ label, row });
  }
  return [...panels.values()];
}

/** What is measured, and of what. */
function splitName(name: string): [string, string] {
  const at = name.lastIndexOf(': ');
  return at < 0 ? ['', name] : [name.slice(0, at), name.slice(at + 2)];
}

const heightOf = ({ groups }: Panel): number =>
  PANEL_HEAD + 10 + groups.reduce((sum, { title, rows }) => sum + (title ? GROUP_HEAD : 0) + rows.length * LINE, 0);

function drawPanel({ title, groups }: Panel, top: number): string {
  const rows = groups.flatMap((group) => group.rows.map(({ row }) => row));
  const scale = scaleOf(rows);
  const note = scale.logarithmic ? ' (logarithmic: a bar twice as long is many times as much)' : '';
  const parts = [
    `<line x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${top + 8}" y2="${top + 8}" stroke="#cbd2d9"/>`,
    text(MARGIN, top + 30, `${title}${note}`, { size: 14, weight: 600 }),
    rows.some(({ recall }) => recall !== undefined) ? text(RECALLS, top + 30, 'recall@10', { fill: FAINT }) : '',
  ];
  let at = top + PANEL_HEAD;
  for (const group of groups) {
    if (group.title) {
      parts.push(text(MARGIN, at + 18, group.title, { weight: 600, fill: FAINT }));
      at += GROUP_HEAD;
    }
    for (const { label, row } of group.rows) {
      parts.push(text(LEFT - 12, at + 14, label, { anchor: 'end' }), drawRow(row, at, scale));
      at += LINE;
    }
  }
  return parts.join('\n');
}

interface Scale {
  logarithmic: boolean;
  /** Pixels from the left end of the bars. */
  at: (value: number) => number;
}

function scaleOf(rows: readonly Judged[]): Scale {
  const limits = rows.flatMap(({ limit, atLeast }) => atLeast ?? limit ?? []);
  const values = [...rows.flatMap(({ value, spread }) => [value, ...(spread ?? [])]), ...limits];
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
  const x = (value: number) => (LEFT + at(value)).toFixed(1);
  const middle = top + LINE / 2;
  const fill = row.ok === null ? FILL.told : row.ok ? FILL.yes : FILL.no;
  const limit = row.atLeast ?? row.limit;
  const [low, high] = row.spread ?? [row.value, row.value];
  return [
    `<rect x="${LEFT}" y="${top + 4}" width="${Math.max(1, at(row.value)).toFixed(1)}" height="${LINE - 8}" fill="${fill}"/>`,
    low === high ? '' : line([x(low), x(high)], [middle, middle], 1.5),
    limit === null ? '' : line([x(limit), x(limit)], [top + 1, top + LINE - 1], 2, '3 2'),
    text(VALUES, middle + 4, told(row.value, row.unit), row.ok === false ? { fill: FILL.no, weight: 600 } : {}),
    row.recall === undefined ? '' : text(RECALLS, middle + 4, row.recall.toFixed(3)),
  ]
    .filter(Boolean)
    .join('\n');
}

function line(
  [x1, x2]: readonly [string, string],
  [y1, y2]: readonly [number, number],
  width: number,
  dashes?: string,
): string {
  const dashed = dashes ? ` stroke-dasharray="${dashes}"` : '';
  return `<line x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}" stroke="${INK}" stroke-width="${width}"${dashed}/>`;
}

function legend(): string {
  const top = MARGIN + 4;
  const box = (left: number, fill: string, name: string) =>
    `<rect x="${left}" y="${top}" width="11" height="11" fill="${fill}"/>${text(left + 16, top + 10, name)}`;
  return [
    box(440, FILL.told, 'told, not judged'),
    box(575, FILL.yes, 'within its limit'),
    box(700, FILL.no, 'over its limit'),
    line(['820', '820'], [top - 2, top + 13], 2, '3 2'),
    text(828, top + 10, 'limit'),
    line(['880', '902'], [top + 6, top + 6], 1.5),
    text(908, top + 10, 'lowest to highest round'),
  ].join('\n');
}

interface TextStyle {
  size?: number;
  weight?: number;
  fill?: string;
  anchor?: 'end';
}

function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size, weight, fill = INK, anchor } = style;
  const attributes = [
    size && ` font-size="${size}"`,
    weight && ` font-weight="${weight}"`,
    anchor && ` text-anchor="${anchor}"`,
  ];
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${fill}"${attributes.filter(Boolean).join('')}>${escaped(content)}</text>`;
}

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
