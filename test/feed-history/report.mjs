// A verdict as a table.
const SHOWN_OF_KIND = 5;

/** @param {import('./verdict.mjs').Verdict} verdict */
export function report({ figures, kinds, violations }) {
  const width = Math.max(...[...figures.keys()].map((name) => name.length));
  for (const [name, count] of [...figures].sort()) console.log(`${name.padEnd(width)}  ${String(count).padStart(9)}`);
  for (const [kind, count] of Object.entries(kinds)) {
    console.log(`${count} times ${kind.toUpperCase()}:`);
    for (const { what } of violations.filter((one) => one.kind === kind).slice(0, SHOWN_OF_KIND))
      console.log(`  ${what}`);
  }
  console.log(`${violations.length} violations`);
}
