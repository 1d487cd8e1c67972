// Renders templates with the real LiquidJS: one JSON request per line in, one JSON answer per line out.
import { createInterface } from 'node:readline';
import { compileJsonControlValues, createLiquidEngine } from '@novu/framework/internal';
import { Liquid } from 'liquidjs';

// How Novu prints inside the JSON of control values, with what its mending of JSON makes of quotes.
const escapes = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const outputEscape = (value) => {
  if (typeof value === 'object' && value !== null) {
    return JSON.stringify(value).replace(/\\?"|\\./g, (found) => (found.endsWith('"') ? "'" : found));
  }
  if (typeof value === 'string') return value.replace(/[\\"\n\r\t]/g, (c) => escapes[c]);
  return value === undefined || value === null ? '' : String(value);
};

const engines = {
  plain: new Liquid({ ownPropertyOnly: true }),
  controls: new Liquid({ ownPropertyOnly: true, outputEscape }),
  // Novu's own, with its filters.
  novu: createLiquidEngine({ outputEscape }),
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { engine, template, data } = JSON.parse(line);
    if (engine === 'compiled') {
      // All controls of a step at once, as Novu fills them.
      const compiled = await compileJsonControlValues(template, data);
      process.stdout.write(`${JSON.stringify({ ok: JSON.stringify(compiled).toWellFormed() })}\n`);
      continue;
    }
    // Half a surrogate pair cannot leave this process as UTF-8.
    answer = { ok: engines[engine].parseAndRenderSync(template, data).toWellFormed() };
  } catch (error) {
    answer = { error: error.name, message: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
