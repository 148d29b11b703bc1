import { parsePolicyCases, runPolicyCases, type PolicyCases } from '#access';
import { CommonplaceError } from '#kernel';
import path from 'node:path';
import { Terminal } from '../demo/terminal.js';
import { told } from '../fail.js';
import { printReport, reportAsJson } from './report.js';
import { YamlFile } from './yaml-file.js';

export interface TestPolicyOptions {
  /** For machines. */
  json?: boolean;
  /** Every check, and not only those that failed. */
  verbose?: boolean;
}

/** Runs the cases of a file; the exit code is 0 only when all of them hold. */
export function testPolicy(file: string, options: TestPolicyOptions): void {
  const report = runPolicyCases(readCases(file));
  if (options.json) console.log(JSON.stringify(reportAsJson(file, report, options.verbose), null, 2));
  else printReport(report, new Terminal((line) => console.log(line)), options.verbose);
  process.exitCode = report.failed === 0 ? 0 : 1;
}

/** @throws what an operator is told, with file and line */
function readCases(name: string): PolicyCases {
  const file = YamlFile.read(name);
  let policyFile: YamlFile | undefined;
  try {
    return parsePolicyCases(file.value, (policy) => {
      policyFile = YamlFile.read(path.resolve(path.dirname(name), policy));
      return policyFile.value;
    });
  } catch (error) {
    if (!(error instanceof CommonplaceError)) throw error;
    throw told(`${whereIs(error.details.field ?? '', file, policyFile)}: ${error.message}`);
  }
}

/** Places below `policy.` are in the file that was named there, where it was one. */
function whereIs(place: string, file: YamlFile, policyFile: YamlFile | undefined): string {
  const inPolicy = policyFile && place.startsWith('policy.') ? policyFile : undefined;
  if (inPolicy) return `${inPolicy.name}:${inPolicy.lineOf(place.slice('policy.'.length))}`;
  return `${file.name}:${file.lineOf(place.replace(/^document\./, ''))}`;
}
