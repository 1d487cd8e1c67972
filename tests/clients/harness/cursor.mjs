import assert from 'node:assert/strict';

/**
 * Walks a cursor list forward and back in pages of two and compares it with what it must hold.
 * `list(query)` returns one page; `expected` are the values of `key` in list order, at least three.
 */
export async function assertWalks(list, key, expected) {
  const pages = [];
  let after;
  do {
    const page = await list({ limit: 2, ...(after && { after }) });
    pages.push(page);
    after = page.next;
  } while (after && pages.length <= expected.length);

  assert.deepEqual(pages.flatMap((page) => page.data.map((row) => row[key])), expected);
  assert.equal(pages[0].previous, null);
  assert.equal(pages.at(-1).next, null);
  for (const page of pages) {
    assert.equal(page.totalCount, expected.length);
    assert.equal(page.totalCountCapped, false);
  }

  for (let number = pages.length - 1; number > 0; number -= 1) {
    const before = pages[number].previous;
    assert.ok(before, `page ${number} says what precedes it`);
    assert.deepEqual(await list({ limit: 2, before }), pages[number - 1], `the page before page ${number}`);
  }

  const inclusive = await list({ limit: 2, after: pages[0].next, includeCursor: true });
  assert.deepEqual(inclusive.data.map((row) => row[key]), expected.slice(1, 3), 'includeCursor begins with the cursor');

  const ascending = await list({ limit: expected.length, orderDirection: 'ASC' });
  assert.deepEqual(ascending.data.map((row) => row[key]), [...expected].reverse(), 'ASC turns the order round');
}
