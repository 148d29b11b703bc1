import path from 'node:path';
import type { Import, SourceFacts } from './source.js';

/** `check` answers the places that break the rule, as `path:line what is wrong`. */
export interface Rule {
  name: string;
  check: (files: readonly SourceFacts[]) => Problem[];
}

export interface Problem {
  path: string;
  line: number;
  what: string;
}

/** Which rooms a room may import, and of which only the types. A new room gets its line here first. */
const MAY_IMPORT: Record<string, { values: readonly string[]; types?: readonly string[] }> = {
  kernel: { values: [] },
  platform: { values: ['kernel'] },
  access: { values: ['kernel', 'platform'] },
  models: { values: [] },
  embedding: { values: ['models'], types: ['platform'] },
  llm: { values: ['models'], types: ['platform'] },
  memory: { values: ['kernel', 'platform', 'access', 'embedding', 'llm'] },
  feed: { values: ['kernel', 'platform', 'access', 'memory'] },
  tools: { values: ['kernel', 'platform', 'access', 'memory'] },
  client: { values: [] },
};

/** Of other apps, which one an app may import. */
const APPS_OF_APPS: Record<string, readonly string[]> = { cli: ['api'], worker: ['api'] };

const TRANSPORTS = [
  'graphql',
  'graphql-ws',
  'ws',
  'fastify',
  'express',
  '@apollo/',
  '@as-integrations/',
  '@modelcontextprotocol/',
];
const NEST_TRANSPORTS = ['@nestjs/graphql', '@nestjs/apollo', '@nestjs/platform-', '@nestjs/terminus'];
const ENTITY_DECORATORS =
  /^(Entity|Column|PrimaryColumn|Index|Unique|Check|(Create|Update)DateColumn|(One|Many)To(One|Many)|Join(Column|Table))$/;
const MIGRATION_TYPES = /^(MigrationInterface|QueryRunner)$/;

/** Statements, and what only stands inside one. Not every word of SQL: prose must stay free to say "select" or "update". */
const SQL = [
  /\bselect\b[\s\S]*\bfrom\b/i,
  /^\s*select\s+(\?|\d|[\w."]+\()/i,
  /\binsert\s+into\s+[\w."?]+\s*[(\w]/i,
  /\bupdate\s+[\w."?]+(\s+\w+)?\s+set\b/i,
  /\bdelete\s+from\b/i,
  /\b(create|alter|drop)\s+(table|(unique )?index|function|role|schema|policy|extension|type|view|trigger|database)\b/i,
  /\bgrant\s[\s\S]*\s(on|to)\s/i,
  /\brevoke\s[\s\S]*\son\s/i,
  /\bset\s+(local|role|session)\b/i,
  /\b(truncate|lock)\s+table\b/i,
  /^\s*(begin|commit|rollback|discard all|listen \w+|notify \w+)\s*(;|$)/,
  /\bon conflict\b/i,
  /\bdo \$\$/i,
  /::(uuid|text|integer|bigint|jsonb|timestamptz)\b/,
];

const lib = (file: string): string | undefined => /^libs\/([^/]+)\//.exec(file)?.[1];
const app = (file: string): string | undefined => /^apps\/([^/]+)\//.exec(file)?.[1];
export const isSpec = (file: string): boolean => file.endsWith('.spec.ts');
const isOf = (packageName: string, names: readonly string[]): boolean =>
  names.some((name) => packageName === name || packageName.startsWith(/[/-]$/.test(name) ? name : `${name}/`));

/** What a relative import means, from the root; undefined for packages and doors. */
function target(from: string, importer: string): string | undefined {
  return from.startsWith('.') ? path.posix.join(path.posix.dirname(importer), from) : undefined;
}

/** A rule over the imports of each file. */
function importRule(name: string, wrong: (imported: Import, file: SourceFacts) => string | false | undefined): Rule {
  return {
    name,
    check: (files) =>
      files.flatMap((file) =>
        file.imports.flatMap((imported) => problem(file.path, imported.line, wrong(imported, file))),
      ),
  };
}

function problem(file: string, line: number, what: string | false | undefined): Problem[] {
  return what ? [{ path: file, line, what }] : [];
}

export const edges = importRule('a lib imports only the libs below it', (imported, { path: file }) => {
  const room = lib(file);
  const door = /^#([\w-]+)$/.exec(imported.from)?.[1];
  if (!door) return;
  // A migration must do the same for ever, whatever becomes of the code.
  if (file.startsWith('migrations/')) return `a migration may not import #${door}`;
  if (!room) return;
  const allowed = MAY_IMPORT[room];
  if (!allowed) return `${room} is a room without a line in MAY_IMPORT`;
  if (allowed.values.includes(door) || (imported.typeOnly && allowed.types?.includes(door))) return;
  return allowed.types?.includes(door)
    ? `${room} may import only types of #${door}`
    : `${room} may not import #${door}`;
});

export const doors = importRule('a room is entered by its door', (imported, { path: file }) => {
  if (/^#[\w-]+\//.test(imported.from)) return `${imported.from} goes past a door; there is only #name`;
  const to = target(imported.from, file);
  if (to === undefined) return;
  const room = lib(to);
  if (room && room !== lib(file)) return `${imported.from} reaches into ${room}; its door is #${room}`;
  const outside = lib(file) && !room && !(isSpec(file) && to.startsWith('test/'));
  return outside && `a lib may not import ${to.split('/')[0]}`;
});

export const appsApart = importRule('an app imports another only where that was meant', (imported, { path: file }) => {
  const from = app(file);
  const to = app(target(imported.from, file) ?? '');
  return from && to && from !== to && !APPS_OF_APPS[from]?.includes(to) && `apps/${from} may not import apps/${to}`;
});

export const console_ = importRule(
  'the console knows the broker through its client alone',
  (imported, { path: file }) => {
    return (
      app(file) === 'console' &&
      imported.from.startsWith('#') &&
      imported.from !== '#client' &&
      `the console may not import ${imported.from}`
    );
  },
);

export const noTransports = importRule('a lib knows no transport', (imported, { path: file }) => {
  const room = lib(file);
  if (!room || isSpec(file)) return;
  // The client is the other end of the wire.
  const known =
    room === 'client' ? ['@nestjs/'] : [...TRANSPORTS, ...NEST_TRANSPORTS, ...(room === 'kernel' ? ['@nestjs/'] : [])];
  return isOf(imported.from, known) && `${room} may not import ${imported.from}`;
});

export const casl = importRule('CASL is known in access alone', (imported, { path: file }) => {
  return isOf(imported.from, ['@casl/', '@ucast/']) && lib(file) !== 'access' && `${imported.from} belongs to access`;
});

export const database = importRule('only platform/database speaks to Postgres', (imported, { path: file }) => {
  if (isSpec(file) || file.startsWith('libs/platform/src/database/')) return;
  if (isOf(imported.from, ['pg-boss']))
    return !file.startsWith('libs/platform/src/jobs/') && 'pg-boss belongs to platform/jobs';
  if (isOf(imported.from, ['pg', '@electric-sql/'])) return `${imported.from} belongs to platform/database`;
  if (!isOf(imported.from, ['typeorm'])) return;
  if (app(file)) return 'an app may not import typeorm';
  const allowed = file.endsWith('.entity.ts')
    ? ENTITY_DECORATORS
    : file.startsWith('migrations/')
      ? MIGRATION_TYPES
      : undefined;
  const isAllowed = allowed && imported.names.length > 0 && imported.names.every((name) => allowed.test(name));
  return !isAllowed && `${imported.names.join(', ') || 'the whole'} of typeorm belongs to platform/database`;
});

export const sql: Rule = {
  name: 'SQL stands in repositories and migrations',
  check: (files) =>
    files
      .filter(({ path: file }) => !isSpec(file) && !file.endsWith('.repository.ts') && !file.startsWith('migrations/'))
      .flatMap((file) =>
        file.texts.flatMap(({ text, line }) =>
          problem(file.path, line, isSql(text) && `SQL: ${text.replaceAll(/\s+/g, ' ').slice(0, 60)}`),
        ),
      ),
};

export const isSql = (text: string): boolean => SQL.some((pattern) => pattern.test(text));

export const environment: Rule = {
  name: 'process.env is read in platform/config alone',
  check: (files) =>
    files
      .filter(
        ({ path: file }) =>
          !isSpec(file) && !file.startsWith('libs/platform/src/config/') && !file.startsWith('apps/cli/bin/'),
      )
      .flatMap((file) => file.environment.map((line) => ({ path: file.path, line, what: 'reads process.env' }))),
};

export const consoles: Rule = {
  name: 'only the command line writes to the console',
  check: (files) =>
    files
      .filter(({ path: file }) => !isSpec(file) && app(file) !== 'cli')
      .flatMap((file) => file.consoles.map((line) => ({ path: file.path, line, what: 'writes to the console' }))),
};

export const noDrawers: Rule = {
  name: 'no folder is a drawer',
  check: (files) =>
    files
      .filter(({ path: file }) => /\/(common|shared|utils?|helpers?|types|base|misc)\//.test(file))
      .map((file) => ({
        path: file.path,
        line: 1,
        what: 'a helper lives beside its one user, or has a name of its own in kernel',
      })),
};

/** Imports that are there when a file is loaded: with ESM and decorator metadata, a cycle of these is a crash. */
export const noCycles: Rule = {
  name: 'no files import each other in a circle',
  check: (files) =>
    cyclesAmong(loadGraph(files)).map((cycle) => ({
      path: cycle[0] as string,
      line: 1,
      what: `cycle: ${[...cycle, cycle[0]].join(' → ')}`,
    })),
};

function loadGraph(files: readonly SourceFacts[]): Map<string, string[]> {
  const known = new Set(files.map((file) => file.path));
  const resolve = (from: string, importer: string) => {
    const door = /^#([\w-]+)$/.exec(from)?.[1];
    const to = door ? `libs/${door}/src/index.ts` : (target(from, importer) ?? '');
    return [to, to.replace(/\.js$/, '.ts')].find((candidate) => known.has(candidate));
  };
  return new Map(
    files.map((file) => [
      file.path,
      file.imports
        .filter((imported) => !imported.typeOnly && !imported.lazy)
        .flatMap((imported) => resolve(imported.from, file.path) ?? []),
    ]),
  );
}

/** One cycle from each place that a walk in depth comes back to. */
function cyclesAmong(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const done = new Set<string>();
  const cycles: string[][] = [];
  const walk = (file: string, trail: string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) return void cycles.push(trail.slice(at));
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return cycles;
}

export const RULES = [
  edges,
  doors,
  appsApart,
  console_,
  noTransports,
  casl,
  database,
  sql,
  environment,
  consoles,
  noDrawers,
  noCycles,
];
