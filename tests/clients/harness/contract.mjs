import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { operations } from '../operations.mjs';

const known = new Set(operations.map(({ id }) => id));
const outcomes = {};
const completed = new Set();

/** Called by the SDK's observer when a method came back with a decoded answer. */
export const witness = (operation) => completed.add(operation);

/** Names the operations that a fact proves, by operation id. */
export function covers(...ids) {
  for (const id of ids) assert.ok(known.has(id), `${id} is not one of the ${known.size} operations`);
  return ids;
}

/**
 * One test. With `covers(…)`, passing also means that the official SDK completed each of those operations in it;
 * the outcome ends up in COMPATIBILITY.md.
 */
export function fact(title, ...rest) {
  const prove = rest.pop();
  const ids = rest.pop() ?? [];
  test(title, async (context) => {
    completed.clear();
    let passed = false;
    try {
      await prove(context);
      const unproven = ids.filter((id) => !completed.has(id));
      assert.deepEqual(unproven, [], 'operations that the SDK did not complete in this test');
      passed = true;
    } finally {
      for (const id of ids) outcomes[id] = passed && (outcomes[id] ?? true);
    }
  });
}

// The runner collects these from every file and both databases.
process.on('exit', () => {
  const folder = process.env.TEST_OUTCOMES;
  if (!folder || Object.keys(outcomes).length === 0) return;
  mkdirSync(folder, { recursive: true });
  const file = `${basename(process.argv[1], '.test.mjs')}.${process.env.TEST_ENGINE ?? 'sqlite'}.json`;
  writeFileSync(join(folder, file), JSON.stringify(outcomes));
});
