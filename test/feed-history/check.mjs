// Checks a history again: node test/feed-history/check.mjs FILE
import { checkFile } from './check-file.mjs';
import { report } from './report.mjs';

const [file] = process.argv.slice(2);
if (!file) {
  console.error('usage: node test/feed-history/check.mjs FILE');
  process.exit(2);
}
const verdict = await checkFile(file);
report(verdict);
process.exitCode = verdict.violations.length > 0 ? 1 : 0;
