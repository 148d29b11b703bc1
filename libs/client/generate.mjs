// Types and documents of the client, from schema.graphql and src/operations.graphql. A test compares what is committed.
import { codegen } from '@graphql-codegen/core';
import * as operations from '@graphql-codegen/typescript-operations';
import { buildASTSchema, Kind, parse, print, visit } from 'graphql';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';

const file = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const TARGET = file('src/generated.ts');

/** What stands in src/generated.ts when it is up to date. */
export async function generate() {
  const schema = parse(fs.readFileSync(file('../../schema.graphql'), 'utf8'));
  const document = parse(fs.readFileSync(file('src/operations.graphql'), 'utf8'));
  const config = {
    enumsAsTypes: true,
    skipTypename: true,
    onlyOperationTypes: true,
    strictScalars: true,
    useTypeImports: true,
    inputMaybeValue: 'T | null | undefined',
    scalars: { DateTime: 'string', JSONObject: 'Record<string, unknown>', ID: 'string' },
  };
  const types = await codegen({
    filename: TARGET,
    schema,
    schemaAst: buildASTSchema(schema),
    documents: [{ location: 'operations.graphql', document }],
    config,
    plugins: [{ operations: {} }],
    pluginMap: { operations },
  });
  const text = `// Made by generate.mjs from schema.graphql and operations.graphql: change those.\n${types}\n${documents(document)}`;
  return prettier.format(text, { ...(await prettier.resolveConfig(TARGET)), parser: 'typescript' });
}

/** Each operation as text, with the fragments that it uses. @param {import('graphql').DocumentNode} document */
function documents({ definitions }) {
  const fragments = definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION);
  const used = (/** @type {import('graphql').DefinitionNode} */ node) => {
    /** @type {string[]} */
    const names = [];
    visit(node, { FragmentSpread: ({ name }) => void names.push(name.value) });
    return fragments.filter((fragment) => names.includes(fragment.name.value));
  };
  return definitions
    .filter((one) => one.kind === Kind.OPERATION_DEFINITION)
    .map(
      (one) =>
        `export const ${one.name?.value}Document = ${JSON.stringify([one, ...used(one)].map(print).join('\n'))};`,
    )
    .join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) fs.writeFileSync(TARGET, await generate());
