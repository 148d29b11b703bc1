import { beforeAll, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import ts from 'typescript';

/** What the broker does not read itself. */
const OF_COMPOSE = ['POSTGRES_PASSWORD'];
/** What the image sets, and compose leaves as it is: inside a container they are nobody's choice. */
const OF_THE_IMAGE = ['DATA_DIR', 'HOST', 'PORT'];
const NONE = '–';

const file = (name: string) => fs.readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] as string).sort();
const section = (text: string, from: string, to: string) =>
  text.slice(text.indexOf(from), text.indexOf(to, text.indexOf(from) + from.length));

/** The variables and their defaults, from the one place that reads them: `const environment = z.object({…})`. */
function configured(): Map<string, string> {
  const source = ts.createSourceFile(
    'config.ts',
    file('libs/platform/src/config/config.ts'),
    ts.ScriptTarget.Latest,
    true,
  );
  const variables = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== 'environment') return ts.forEachChild(node, visit);
    const [shape] = (node.initializer as ts.CallExpression).arguments;
    for (const property of (shape as ts.ObjectLiteralExpression).properties) {
      const value = (property as ts.PropertyAssignment).initializer;
      variables.set((property.name as ts.Identifier).text, defaultOf(value));
    }
  };
  visit(source);
  return variables;
}

/** The argument of the outermost `.default(…)`; '' where there is none. */
function defaultOf(value: ts.Expression): string {
  if (!ts.isCallExpression(value) || !ts.isPropertyAccessExpression(value.expression)) return '';
  const [argument] = value.arguments;
  if (value.expression.name.text !== 'default' || !argument) return defaultOf(value.expression.expression);
  return ts.isLiteralExpression(argument) ? argument.text : argument.getText();
}

let variables: Map<string, string>;
let names: string[];
beforeAll(() => {
  variables = configured();
  names = [...variables.keys()].sort();
});

describe('the variables of the broker', () => {
  it('are found in its configuration', () => {
    expect(variables.get('PORT')).toBe('4000');
    expect(variables.get('DATABASE_URL')).toBe('');
    expect(variables.get('LOG_LEVEL')).toBe('info');
  });

  it('are all in .env.example, with their defaults', () => {
    const lines = [...file('.env.example').matchAll(/^#([A-Z][A-Z_]+)=(.*)$/gm)].map(
      ([, name, value]) => [name as string, value as string] as const,
    );
    expect(lines.map(([name]) => name).sort()).toEqual([...names, ...OF_COMPOSE].sort());
    const wrong = lines.filter(([name, value]) => variables.has(name) && variables.get(name) !== value);
    expect(wrong).toEqual([]);
  });

  it('are all in the table of docs/OPERATIONS.md, with their defaults', () => {
    const table = section(file('docs/OPERATIONS.md'), '\n## Variables\n', '\n## ');
    const rows = [...table.matchAll(/^\| `([A-Z][A-Z_]+)` *\| ([^|]*?) *\|/gm)].map(
      ([, name, value]) => [name as string, value as string] as const,
    );
    expect(rows.map(([name]) => name).sort()).toEqual(names);
    const wrong = rows.filter(([name, value]) => (variables.get(name) || NONE) !== value.replaceAll('`', ''));
    expect(wrong).toEqual([]);
  });

  it('are not told of in the README unless they exist', () => {
    const told = found(file('README.md'), /^\| ((?:`[A-Z][A-Z_]+`(?:, )?)+) *\|/gm).flatMap((cell) =>
      found(cell, /`([A-Z_]+)`/g),
    );
    expect(told.filter((name) => !variables.has(name))).toEqual([]);
  });

  it('reach the broker in docker-compose.yml', () => {
    const broker = section(file('docker-compose.yml'), '\n  broker:\n', '\n  db:\n');
    const passed = found(
      section(`${broker}\n    end:`, '\n    environment:\n', '\n    end:'),
      /^ {6}([A-Z][A-Z_]+):/gm,
    );
    expect(passed).toEqual(names.filter((name) => !OF_THE_IMAGE.includes(name)));
  });

  it('that a container has no choice in are set by the image', () => {
    const [line = ''] = found(file('Dockerfile'), /^ENV ((?:[A-Z_]+=\S+ ?)*HOST=.*)$/gm);
    expect(found(line, /([A-Z_]+)=/g)).toEqual(OF_THE_IMAGE);
  });
});
