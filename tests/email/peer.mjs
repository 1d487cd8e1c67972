// Renders documents of blocks with the real Maily: one JSON document per line in, one JSON answer per line out.
import { createInterface } from 'node:readline';
import { render } from '@maily-to/render';

// What React leaves for its own use in a browser, and hints that it makes of pictures.
const traces = /<!--\/?(\$|html|head|body| )-->|<link rel="preload"[^>]*\/>/g;
// Said twice, once by each of two components.
const doubled = '<meta name="x-apple-disable-message-reformatting"/>';

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const html = (await render(JSON.parse(line))).replace(doubled, '');
    // Novu's renderer empties blank paragraphs last.
    answer = { ok: html.replace(traces, '').replace(/<p([^>]*)>\s+<\/p>/g, '<p$1></p>') };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
