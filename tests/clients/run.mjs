// Runs the contract tests: every file on SQLite, and the core files again on PostgreSQL when TEST_POSTGRES_URL is set.
// Names given as arguments (`node run.mjs events workflows`) select files; then no results are written.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { compatibilityPage } from './compatibility.mjs';
import { operations } from './operations.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const resultsFile = join(here, 'results.json');
const pageFile = fileURLToPath(new URL('../../COMPATIBILITY.md', import.meta.url));

// Dev mode is for one machine and its embedded database.
const SQLITE_ONLY = ['dev'];
const AT_ONCE = 2;

const chosen = process.argv.slice(2);
const names = readdirSync(here)
  .filter((file) => file.endsWith('.test.mjs'))
  .map((file) => file.replace('.test.mjs', ''))
  .filter((name) => chosen.length === 0 || chosen.includes(name))
  .sort();

const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`There is no test file for ${unknown.join(', ')}.`);
  process.exit(2);
}

if (!process.env.TEST_BINARY) {
  console.error('Set TEST_BINARY to the campanile binary that is to be tested.');
  process.exit(2);
}

const outcomesFolder = mkdtempSync(join(tmpdir(), 'campanile-outcomes-'));
process.env.TEST_OUTCOMES = outcomesFolder;

/** Said again at the end, where somebody who reads only the tail of a log finds them. */
const failures = [];

function runOn(engine, files) {
  process.env.TEST_ENGINE = engine;
  console.log(`\nContract tests on ${engine}`);
  const total = { passed: 0, failed: 0 };
  const stream = run({ files: files.map((name) => join(here, `${name}.test.mjs`)), concurrency: AT_ONCE });
  stream.on('test:pass', () => (total.passed += 1));
  stream.on('test:fail', ({ name, file, details }) => {
    total.failed += 1;
    failures.push(`${engine}: ${file ? basename(file) : ''}: ${name}\n${inspect(details.error?.cause ?? details.error)}`);
  });
  const report = stream.compose(new spec());
  report.pipe(process.stdout, { end: false });
  return finished(report).then(() => total);
}

const totals = [await runOn('sqlite', names)];
if (process.env.TEST_POSTGRES_URL) {
  totals.push(await runOn('postgres', names.filter((name) => !SQLITE_ONLY.includes(name))));
}

const passed = totals.reduce((sum, total) => sum + total.passed, 0);
let failed = totals.reduce((sum, total) => sum + total.failed, 0);

/** What all files on all databases found, in the order of the table. */
function collectOutcomes() {
  const found = readdirSync(outcomesFolder).map((file) => JSON.parse(readFileSync(join(outcomesFolder, file), 'utf8')));
  const results = {};
  for (const { id } of operations) {
    const outcomes = found.filter((file) => id in file).map((file) => file[id]);
    if (outcomes.length > 0) results[id] = outcomes.every(Boolean) ? 'passes' : 'fails';
  }
  return results;
}

/** Writes a generated file and says whether it was different before. */
function write(file, text) {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  writeFileSync(file, text);
  return before !== text;
}

if (chosen.length === 0) {
  const results = collectOutcomes();
  const changed = [write(resultsFile, `${JSON.stringify(results, null, 2)}\n`), write(pageFile, compatibilityPage(results))];
  if (changed.some(Boolean)) {
    console.error('COMPATIBILITY.md and its results have changed: look at the difference and commit it.');
    failed += 1;
  }
}
rmSync(outcomesFolder, { recursive: true, force: true });

for (const failure of failures) console.error(`\nFailed on ${failure}`);
console.log(`clients: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
