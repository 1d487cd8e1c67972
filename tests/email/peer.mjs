// Renders documents of blocks with the real Maily: one JSON document per line in, one JSON answer per line out.
import { createInterface } from 'node:readline';
import { render } from '@maily-to/render';

// What React leaves for its own use in a browser, and hints that it makes of pictures.
const traces = /<!--\/?(\$|html|head|body| )-->|<link rel="preload"[^>]*\/>/g;
// Said twice, once by each of two components.
const doubled = '<meta name="x-apple-disable-message-reformatting"/>';

// Novu leaves out the empty paragraphs at the end of a document before it has it rendered.
const isBlank = (block) => block.type === 'paragraph' && !block.text && !block.content?.length;
const trimmed = (document) => {
  const last = document.content.findLastIndex((block) => !isBlank(block));
  return last < 0 ? document : { ...document, content: document.content.slice(0, last + 1) };
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const html = (await render(trimmed(JSON.parse(line)))).replace(doubled, '');
    // Novu's renderer empties blank paragraphs last.
    answer = { ok: html.replace(traces, '').replace(/<p([^>]*)>\s+<\/p>/g, '<p$1></p>') };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
