import { Command, Option } from 'commander';
import { VERSION } from '../../api/src/health/version.js';
import type { ExportOptions } from './export/export-memories.js';
import { fail } from './fail.js';
import type { ImportOptions } from './import/import-file.js';
import type { McpOptions } from './mcp/serve-stdio.js';
import type { TestPolicyOptions } from './policy/test-policy.js';
import type { RenewEpochOptions } from './renew-epoch.js';

const program = new Command('commonplace')
  .description('Shared memory for teams of AI agents.')
  .version(VERSION)
  .showHelpAfterError();

/** Its value stays out of the help, which is printed after every error. */
const keyOption = (whose: string) => new Option('--key <key>', whose).env('COMMONPLACE_KEY');

// Each command loads what it needs when it runs: the import has no use for a web server.
program
  .command('start')
  .description('migrate, and serve the broker until it is told to stop')
  .action(async () => (await import('./start.js')).start());

program
  .command('migrate')
  .description('bring the database up to date, and stop')
  .action(async () => (await import('./migrate.js')).migrate());

program
  .command('admin-key')
  .description('issue another admin key, from the machine of the database: for whoever lost theirs')
  .option('--revoke-others', "revoke that admin's other keys: for a key that leaked")
  .action(async (options: { revokeOthers?: boolean }) =>
    (await import('./admin-key.js')).issueAdminKey(options.revokeOthers ?? false),
  );

program
  .command('renew-epoch')
  .description('after a backup was restored: let every cursor of the feed expire, so that nobody passes over an event')
  .option('--yes', 'do not ask')
  .option('--dry-run', 'say what would happen, and change nothing')
  .action(async (options: RenewEpochOptions) => (await import('./renew-epoch.js')).renewEpoch(options));

program
  .command('import')
  .description('load memories from a JSONL file into a running broker; may be stopped and repeated')
  .argument('<file>', 'one JSON object a line: a MemorizeInput, or anything else with the mapping below')
  .option('--pool <key>', 'the pool; by default what a line says, or the pool of your role')
  .option('--url <url>', 'of the broker', process.env['COMMONPLACE_URL'] ?? 'http://127.0.0.1:4000/graphql')
  .addOption(keyOption('an API key'))
  .option('--type <type>', 'EPISODIC (default), DECLARATIVE or PROCEDURAL; for a line that does not say')
  .option('--content <field>', 'the field with the text')
  .option('--session <fields>', 'the fields of the session, joined by #: conversation,session')
  .option('--speaker <field>', 'the field with whose words these are')
  .option('--entity <field>', 'the field with whom or what it is about')
  .option('--valid-from <field>', 'the field with when it happened, ISO 8601')
  .option('--assume-utc', 'read times without an offset as UTC')
  .option('--metadata <fields>', 'fields to keep as metadata; name=field renames')
  .option('--labels <fields>', 'fields to keep as labels')
  .option('--batch <lines>', 'lines in one request, 1 to 100', '100')
  .option(
    '--parallel <requests>',
    'requests under way at once, 1 to 8; with 1 all lines are stored in their order',
    '3',
  )
  .option('--state <folder>', 'where the checkpoint is kept; by default beside the file')
  .option('--restart', 'begin again, whatever the checkpoint says')
  .option('--dry-run', 'map and check every line, and send nothing')
  .action(async (file: string, options: Omit<ImportOptions, 'file'>) =>
    (await import('./import.js')).runImport(file, options),
  );

program
  .command('export')
  .description('write the memories that a key may read as JSONL, as import takes them; all of them or nothing')
  .option(
    '--pool <keys>',
    'only these pools, separated by commas; may be repeated',
    (keys: string, before: string[]) => [...before, ...keys.split(',').map((key) => key.trim())],
    [],
  )
  .option('--entity <id>', 'everything about this one: of whatever status, and what it said before, marked by labels')
  .option('--url <url>', 'of the broker', process.env['COMMONPLACE_URL'] ?? 'http://127.0.0.1:4000/graphql')
  .addOption(keyOption('an API key'))
  .option('--out <file>', 'by default stdout')
  .action(async (options: ExportOptions) => (await import('./export.js')).runExport(options));

program
  .command('mcp')
  .description('serve the tools of a running broker over stdin and stdout, for MCP clients that start their servers')
  .option('--url <url>', 'of the broker', process.env['COMMONPLACE_URL'] ?? 'http://127.0.0.1:4000')
  .addOption(keyOption('an API key'))
  .action(async (options: McpOptions) => (await import('./mcp/serve-stdio.js')).serveStdio(options));

program
  .command('policy')
  .description('work on a policy in files, without a broker')
  .command('test')
  .description('run the cases of a file against a policy: who may do what with which memory')
  .argument('<file>', 'YAML or JSON: policy, principals, memories and cases')
  .option('--json', 'the outcome for machines')
  .option('--verbose', 'every check with its reason, and not only those that failed')
  .action(async (file: string, options: TestPolicyOptions) =>
    (await import('./policy/test-policy.js')).testPolicy(file, options),
  );

program
  .command('demo')
  .description('four agents work a recorded project: what each could recall, what was denied, and the feed')
  .option(
    '--url <url>',
    'of a running broker; without it the demo starts one of its own',
    process.env['COMMONPLACE_URL'],
  )
  .addOption(keyOption("an admin's key of that broker"))
  .action(async (options: { url?: string; key?: string }) => (await import('./demo.js')).demo(options));

program
  .command('audit')
  .description('the log of who changed what')
  .command('verify')
  .description(
    'read the log from the database and recompute its chain of hashes: exits 1 where an entry was changed, removed or added',
  )
  .option('--anchor <seq:hash...>', 'entries as they were told before: they must still be there, unchanged')
  .action(async (options: { anchor?: string[] }) =>
    (await import('./audit-verify.js')).auditVerify(options.anchor ?? []),
  );

program
  .command('schema')
  .description('write the GraphQL schema, made from the code, to schema.graphql')
  .option('--out <file>', 'where to', 'schema.graphql')
  .action(async (options: { out: string }) => (await import('./schema.js')).writeSchema(options.out));

// `commonplace demo | head` ends the reader first: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  fail(error);
}
