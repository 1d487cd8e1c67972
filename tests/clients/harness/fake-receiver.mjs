import { createServer } from 'node:http';
import { once } from 'node:events';

/**
 * A web server that stands in for a customer's webhook or for a provider.
 * It answers 200 `ok` unless `answers(path, …)` queued something for that path; the last answer queued stays.
 * An answer may be a function of the request, which may take its time.
 */
export async function startReceiver() {
  const requests = [];
  const queued = new Map();

  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const { pathname, searchParams } = new URL(request.url, 'http://receiver');
    const received = {
      at: Date.now(),
      method: request.method,
      path: pathname,
      query: Object.fromEntries(searchParams),
      headers: request.headers,
      text,
      get json() {
        return JSON.parse(text);
      },
      /** Comes about when the answer was sent, or nobody waits for it any more. */
      over: new Promise((resolve) => response.once('close', resolve)),
    };
    requests.push(received);
    const answers = queued.get(pathname) ?? [];
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
    const { status = 200, headers = {}, body = 'ok' } = typeof answer === 'function' ? await answer(received) : answer;
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json', ...headers });
    response.end(payload);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    answers: (path, ...list) => queued.set(path, list),
    requests: (path) => requests.filter((request) => path === undefined || request.path === path),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
