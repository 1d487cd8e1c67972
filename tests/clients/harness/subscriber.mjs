// A subscriber in an inbox session: plain HTTP with its token, the official client, and the hashes of the caller's server.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Novu } from '@novu/js';
import { dataOf, http } from './http.mjs';

// The client is made for pages that are closed some day: its timers would keep this process alive.
for (const name of ['setInterval', 'setTimeout']) {
  const start = globalThis[name];
  globalThis[name] = (...args) => start(...args).unref();
}

const hmac = (secret, text) => createHmac('sha256', secret).update(text).digest('hex');

/** `subscriberHash`, as the caller's server makes it. */
export const hashOf = (server, subscriberId) => hmac(server.keys.development, subscriberId);

/** `contextHash` of a context whose members are texts and already in order. */
export const contextHashOf = (server, context) => hmac(server.keys.development, JSON.stringify(context));

/** Begins a session and gives back what the server said. */
export async function begin(server, body, headers) {
  const { send } = http(server);
  return send('POST', '/v1/inbox/session', { applicationIdentifier: server.identifiers.development, ...body }, { authorization: '', ...headers });
}

/** Plain HTTP with the token of a new session. */
export async function session(server, body) {
  const { token, ...rest } = dataOf(await begin(server, body), 201);
  return { token, ...rest, ...bearer(server, token) };
}

/** Plain HTTP with a token. */
export function bearer(server, token) {
  const { send } = http(server);
  const as = (method, path, body) => send(method, path, body, { authorization: `Bearer ${token}` });
  return {
    get: (path) => as('GET', path),
    post: (path, body) => as('POST', path, body),
    patch: (path, body) => as('PATCH', path, body),
    delete: (path) => as('DELETE', path),
    send: as,
  };
}

/** The official browser client. */
export const novu = (server, options) =>
  new Novu({ applicationIdentifier: server.identifiers.development, apiUrl: server.url, socketUrl: server.url, ...options });

/** What a method of the official client gave. */
export async function given(promise) {
  const { data, error } = await promise;
  assert.equal(error, undefined, error && `${error.message}: ${error.originalError?.message}`);
  return data;
}

/** The status with which a method of the official client was refused. */
export async function refusal(promise) {
  const { error } = await promise;
  assert.ok(error, 'it was not refused');
  return error.originalError?.status;
}
