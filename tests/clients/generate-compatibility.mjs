// Writes COMPATIBILITY.md from results.json; with --check it only compares, and exits 1 when they differ.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { compatibilityPage } from './compatibility.mjs';

const page = new URL('../../COMPATIBILITY.md', import.meta.url);
const results = JSON.parse(readFileSync(new URL('results.json', import.meta.url), 'utf8'));
const wanted = compatibilityPage(results);

if (process.argv.includes('--check')) {
  const found = existsSync(page) ? readFileSync(page, 'utf8') : '';
  if (found !== wanted) {
    console.error('COMPATIBILITY.md is stale: run `node tests/clients/generate-compatibility.mjs` and commit it.');
    process.exitCode = 1;
  }
} else {
  writeFileSync(page, wanted);
}
