import type { CaseReport, CasesReport, Check, Outcome } from '#access';
import type { Terminal } from '../demo/terminal.js';

/** Each case with its outcome, and below it the checks that failed, or with `all` every one. */
export function printReport(report: CasesReport, terminal: Terminal, all = false): void {
  for (const one of report.cases) {
    terminal.line(`${mark(terminal, one.passed)} ${plain(one.name)}`);
    printChecks(one, terminal, all);
  }
  terminal.line();
  terminal.line(terminal.style(report.failed === 0 ? 'green' : 'red', totals(report)));
}

/** Only what failed stands in `checks`, unless all of them were asked for. */
export function reportAsJson(file: string, report: CasesReport, all = false): object {
  const cases = report.cases.map((one) => ({ ...one, checks: shownOf(one, all) }));
  return { file, checks: report.checks, failed: report.failed, cases };
}

const shownOf = ({ checks }: CaseReport, all: boolean): readonly Check[] =>
  all ? checks : checks.filter(({ passed }) => !passed);

function printChecks(one: CaseReport, terminal: Terminal, all: boolean): void {
  const shown = shownOf(one, all);
  const width = (key: 'principal' | 'memory' | 'action') => Math.max(...shown.map((check) => check[key].length));
  for (const check of shown) {
    const { principal, memory, action } = check;
    const who = [
      principal.padEnd(width('principal')),
      memory.padEnd(width('memory')),
      action.padEnd(width('action')),
    ].join('  ');
    terminal.line(`    ${mark(terminal, check.passed)} ${who}  ${outcomeOf(check)}`);
    terminal.line(terminal.style('dim', `        ${plain(check.reason)}`));
  }
}

const mark = (terminal: Terminal, passed: boolean): string =>
  passed ? terminal.style('green', '✓') : terminal.style('red', '✗');

const outcomeOf = ({ expected, got, passed }: Check): string =>
  passed ? tell(got) : `expected ${tell(expected)}, got ${tell(got)}`;

function tell({ allowed, hidden }: Outcome): string {
  if (!allowed) return 'deny';
  return hidden.length > 0 ? `allow without ${hidden.join(', ')}` : 'allow';
}

function totals({ checks, failed }: CasesReport): string {
  return `${checks} checks, ${failed} failed`;
}

/** A name or a reason is one line, and nothing in it steers the terminal. */
const plain = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, ' ');
