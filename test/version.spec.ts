import { expect, it } from '@jest/globals';
import fs from 'node:fs';
import { VERSION } from '../apps/api/src/health/version.js';

it('tells the version that package.json has', () => {
  const manifest = JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(VERSION).toBe(manifest.version);
});
