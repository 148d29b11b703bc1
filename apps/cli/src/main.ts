import { Command } from 'commander';
import { VERSION } from '../../api/src/health/version.js';
import { fail } from './fail.js';

const program = new Command('commonplace').description('Shared memory for teams of AI agents.').version(VERSION).showHelpAfterError();

// Each command loads what it needs when it runs: the import command has no use for a web server.
program
  .command('start')
  .description('migrate, and serve the broker until it is told to stop')
  .action(async () => (await import('./start.js')).start());

program
  .command('migrate')
  .description('bring the database up to date, and stop')
  .action(async () => (await import('./migrate.js')).migrate());

program
  .command('schema')
  .description('write the GraphQL schema, made from the code, to schema.graphql')
  .option('--out <file>', 'where to', 'schema.graphql')
  .action(async (options: { out: string }) => (await import('./schema.js')).writeSchema(options.out));

try {
  await program.parseAsync();
} catch (error) {
  fail(error);
}
