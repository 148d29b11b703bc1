import fs from 'node:fs';
import { printApiSchema } from '../../api/src/graphql/schema.js';

export async function writeSchema(file: string): Promise<void> {
  fs.writeFileSync(file, await printApiSchema());
  console.log(`Wrote ${file}.`);
}
