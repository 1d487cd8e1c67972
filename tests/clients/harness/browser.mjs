// A real browser, and the ways of people who have no mouse.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };

export const startBrowser = () =>
  chromium.launch({
    executablePath: process.env.TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic'],
  });

/** Keeps a picture of the whole page to be looked at, where a folder for them is named. */
export async function picture(page, name) {
  const folder = process.env.TEST_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** What a person could not read or reach: writing of too little contrast, what is cut off, what is too small to be touched. */
const flaws = (page) =>
  page.evaluate(() => {
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide, the screen ${innerWidth}`);
    const channels = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = (color) => {
      const [red, green, blue] = channels(color).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element) => {
      for (let on = element; on; on = on.parentElement) {
        const { backgroundColor } = getComputedStyle(on);
        if ((channels(backgroundColor)[3] ?? 1) > 0) return backgroundColor;
      }
      return 'rgb(255, 255, 255)';
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const { textContent: text, parentElement: on } = texts.currentNode;
      if (!text.trim() || !on.checkVisibility()) continue;
      const [one, other] = [luminance(getComputedStyle(on).color), luminance(behind(on))];
      const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      if (contrast < 4.5) found.push(`"${text.trim()}" has a contrast of ${contrast.toFixed(1)}`);
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      const { left, right } = range.getBoundingClientRect();
      if (left < 0 || right > innerWidth) found.push(`"${text.trim()}" is cut off`);
    }
    for (const on of document.querySelectorAll('button, input:not([type=hidden]), a.button, .choices a')) {
      const { height } = on.getBoundingClientRect();
      if (height < 38) found.push(`"${on.textContent.trim()}" is ${height} high`);
    }
    return found;
  });

/** Looks at a page as people see it, on a phone and on a desktop, in light and dark, and keeps pictures of what it looked at. */
export async function looksRight(page, name) {
  const before = page.viewportSize();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const [kind, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
      await page.setViewportSize(viewport);
      assert.deepEqual(await flaws(page), [], `${name}, ${kind}, ${colorScheme}`);
      await picture(page, `${name}-${kind}-${colorScheme}`);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(before);
}

/** What is focused: its name as a screen reader says it, and whether the focus can be seen. */
const focused = (page) =>
  page.evaluate(() => {
    const { activeElement: on } = document;
    if (on === document.body) return { name: null };
    const label = on.id && document.querySelector(`label[for="${on.id}"]`);
    const { outlineStyle, outlineWidth } = getComputedStyle(on);
    const name = on.getAttribute('aria-label') ?? label?.textContent ?? on.textContent.trim();
    const place = [...document.querySelectorAll('*')].indexOf(on);
    return { name, place, seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
  });

/** Presses Tab until what is focused has this name, as somebody without a mouse does. */
export async function tabTo(page, name) {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab');
    const on = await focused(page);
    if (on.name !== name) continue;
    assert.ok(on.seen, `nobody sees that "${name}" is focused`);
    return;
  }
  assert.fail(`Tab does not reach "${name}"`);
}

/** Presses Enter and waits for the page that comes. */
export async function enter(page) {
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
}

/** Everything that Tab reaches from the top of a page, in order. Each can be seen, and Shift-Tab leads back the same way. */
export async function tabOrder(page) {
  // Playwright's own focus is somewhere after a click: a fresh page begins at its top.
  await page.reload();
  const walk = async (key) => {
    const reached = [];
    for (let presses = 0; presses < 200; presses += 1) {
      await page.keyboard.press(key);
      const on = await focused(page);
      // From the last one it goes back to the first, without a browser's own controls in between.
      if (on.name === null || on.place === reached[0]?.place) return reached.map(({ name }) => name);
      assert.ok(on.seen, `nobody sees that "${on.name}" is focused`);
      reached.push(on);
    }
    return assert.fail(`${key} is caught on the page`);
  };
  const order = await walk('Tab');
  assert.deepEqual(await walk('Shift+Tab'), [...order].reverse());
  return order;
}

/** Waits until the page says this somewhere. */
export const says = (page, text) => page.getByText(text, { exact: false }).first().waitFor({ timeout: 20_000 });
