// What the fakes of vendors have in common: a web server on loopback, pages with buttons, and codes that are good once.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

export const uuid = () => randomUUID();
export const word = (prefix) => `${prefix}${randomBytes(12).toString('hex')}`;

const escaped = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

export const json = (status, body, headers = {}) => ({ status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
export const nothing = (status) => ({ status, headers: {}, body: '' });
export const redirect = (url) => ({ status: 302, headers: { location: String(url) }, body: '' });

/** A vendor's page on which a person decides: each answer is a link that leads where it says. */
export const decision = (title, answers) => ({
  status: 200,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: `<!doctype html><html lang="en"><title>${escaped(title)}</title><h1>${escaped(title)}</h1>${answers
    .map(([label, url]) => `<p><a href="${escaped(url)}">${escaped(label)}</a></p>`)
    .join('')}`,
});

/** A page of the vendor's own about what is wrong with the link: vendors do not send browsers to addresses that they do not know. */
export const wrongLink = (text) => ({ ...decision(text, []), status: 400 });

/** `url` with these added to its query. */
export function withQuery(url, query) {
  const made = new URL(url);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) made.searchParams.set(name, value);
  return made;
}

/** Codes of the OAuth code flow: good once, and only for who asked. */
export function codes() {
  const given = new Map();
  return {
    give(what) {
      const code = word('code');
      given.set(code, what);
      return code;
    },
    /** What the code was given for; undefined when it was used or is for another redirect address. */
    take(code, { redirect_uri: redirectUri, code_verifier: verifier }) {
      const what = given.get(code);
      given.delete(code);
      if (!what || what.redirectUri !== redirectUri) return undefined;
      const proven = !what.challenge || (verifier && createHash('sha256').update(verifier).digest('base64url') === what.challenge);
      return proven ? what : undefined;
    },
  };
}

/** Serves `routes`: [method, pattern, handler], the pattern's groups as the handler's further arguments. */
export async function startVendor(routes) {
  const calls = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const url = new URL(request.url, 'http://vendor');
    const call = {
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      token: request.headers.authorization?.replace(/^Bearer /, ''),
      get form() {
        return Object.fromEntries(new URLSearchParams(text));
      },
      get json() {
        return JSON.parse(text);
      },
    };
    calls.push(call);
    let answer = nothing(404);
    for (const [method, pattern, handle] of routes) {
      const found = method === request.method && pattern.exec(url.pathname);
      if (!found) continue;
      answer = handle(call, ...found.slice(1).map(decodeURIComponent));
      break;
    }
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    calls: (pattern) => calls.filter(({ method, path }) => pattern.test(`${method} ${path}`)),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
