import ts from 'typescript';

export interface Import {
  from: string;
  /** Names that it takes; empty for `import 'x'`, `import * as x`, `export * from 'x'` and import('x'). */
  names: readonly string[];
  /** Erased by the compiler. */
  typeOnly: boolean;
  /** import('x'), which loads when it is reached. */
  lazy: boolean;
  line: number;
}

export interface Callable {
  name: string;
  kind: 'constructor' | 'function';
  parameters: number;
  line: number;
}

/** What the rules look at in one file. */
export interface SourceFacts {
  /** From the root of the repository, with slashes. */
  path: string;
  lines: number;
  imports: Import[];
  /** Text in quotes and backquotes; what a template puts in stands as `?`. */
  texts: { text: string; line: number }[];
  callables: Callable[];
  /** The lines that read process.env. */
  environment: number[];
  /** The lines that write to the console. */
  consoles: number[];
}

/** Reads a file as the compiler does; nothing is executed. */
export function readSource(path: string, text: string): SourceFacts {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lines = text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  const facts: SourceFacts = { path, lines, imports: [], texts: [], callables: [], environment: [], consoles: [] };
  const lineOf = (node: ts.Node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
  const visit = (node: ts.Node): void => {
    const line = lineOf(node);
    noteImport(node, line, facts);
    noteText(node, line, facts);
    noteCallable(node, line, facts);
    noteGlobals(node, line, facts);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return facts;
}

function noteImport(node: ts.Node, line: number, { imports }: SourceFacts): void {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    imports.push({ from: node.moduleSpecifier.text, ...importedNames(node.importClause), lazy: false, line });
  } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    const named = node.exportClause && ts.isNamedExports(node.exportClause) ? [...node.exportClause.elements] : [];
    const typeOnly = node.isTypeOnly || (named.length > 0 && named.every((element) => element.isTypeOnly));
    imports.push({ from: node.moduleSpecifier.text, names: named.map(sourceName), typeOnly, lazy: false, line });
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    const { literal } = node.argument;
    if (ts.isStringLiteral(literal)) imports.push({ from: literal.text, names: [], typeOnly: true, lazy: false, line });
  } else if (ts.isCallExpression(node)) {
    const [argument] = node.arguments;
    const isRequire = ts.isIdentifier(node.expression) && node.expression.text === 'require';
    const isLazy = node.expression.kind === ts.SyntaxKind.ImportKeyword;
    if (!argument || !ts.isStringLiteralLike(argument) || !(isLazy || isRequire)) return;
    imports.push({ from: argument.text, names: [], typeOnly: false, lazy: isLazy, line });
  }
}

function importedNames(clause: ts.ImportClause | undefined): Pick<Import, 'names' | 'typeOnly'> {
  const bindings = clause?.namedBindings;
  const named = bindings && ts.isNamedImports(bindings) ? [...bindings.elements] : [];
  const names = [...(clause?.name ? ['default'] : []), ...named.map(sourceName)];
  const allTypes = named.length > 0 && named.every((element) => element.isTypeOnly) && !clause?.name;
  const isType = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  return { names, typeOnly: isType || allTypes };
}

const sourceName = (element: ts.ImportSpecifier | ts.ExportSpecifier): string =>
  (element.propertyName ?? element.name).text;

function noteText(node: ts.Node, line: number, { texts }: SourceFacts): void {
  if (ts.isStringLiteralLike(node)) texts.push({ text: node.text, line });
  else if (ts.isTemplateExpression(node)) {
    texts.push({
      text: [node.head, ...node.templateSpans.map((span) => span.literal)].map((part) => part.text).join('?'),
      line,
    });
  }
}

function noteCallable(node: ts.Node, line: number, { callables }: SourceFacts): void {
  if (ts.isConstructorDeclaration(node)) {
    const name = node.parent.name?.text ?? 'class';
    callables.push({ name, kind: 'constructor', parameters: node.parameters.length, line });
  } else if (ts.isFunctionLike(node) && 'body' in node && node.body) {
    callables.push({ name: nameOf(node), kind: 'function', parameters: node.parameters.length, line });
  }
}

/** A function's own name, or that of what it is given to. */
function nameOf(node: ts.SignatureDeclaration): string {
  const named = [node, node.parent].find((candidate) => 'name' in candidate && candidate.name);
  const name = named && (named as ts.NamedDeclaration).name;
  return name ? name.getText() : 'anonymous';
}

function noteGlobals(node: ts.Node, line: number, facts: SourceFacts): void {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    if (node.expression.text === 'console') facts.consoles.push(line);
    if (node.expression.text === 'process' && node.name.text === 'env') facts.environment.push(line);
  } else if (ts.isElementAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const key = ts.isStringLiteralLike(node.argumentExpression) ? node.argumentExpression.text : '';
    if (node.expression.text === 'process' && key === 'env') facts.environment.push(line);
  } else if (ts.isVariableDeclaration(node) && node.initializer && ts.isIdentifier(node.initializer)) {
    // const { env } = process
    const taken = ts.isObjectBindingPattern(node.name) ? node.name.elements : [];
    const takesEnv = taken.some((element) => (element.propertyName ?? element.name).getText() === 'env');
    if (node.initializer.text === 'process' && takesEnv) facts.environment.push(line);
  } else if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const isProcess = /^(node:)?process$/.test(node.moduleSpecifier.text);
    if (isProcess && importedNames(node.importClause).names.includes('env')) facts.environment.push(line);
  }
}
