import fs from 'node:fs';
import { administer, imageFile, templateName } from './global-setup.mjs';

export default async function teardown() {
  fs.rmSync(imageFile, { force: true });
  const url = process.env.TEST_DATABASE_URL;
  if (url) await administer(url, `drop database if exists ${templateName}`);
}
