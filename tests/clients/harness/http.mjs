import assert from 'node:assert/strict';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Plain HTTP with an API key, for what the SDK would refuse to send or would not show. */
export function http(server, { secretKey = server.keys.development } = {}) {
  const send = async (method, path, body, headers = {}) => {
    const url = new URL(server.url + path);
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `ApiKey ${secretKey}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      redirect: 'manual',
    });
    const text = await response.text();
    return {
      method,
      path: url.pathname + url.search,
      status: response.status,
      headers: response.headers,
      text,
      get body() {
        return JSON.parse(text);
      },
    };
  };
  return {
    send,
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, body, headers) => send('POST', path, body, headers),
    put: (path, body, headers) => send('PUT', path, body, headers),
    patch: (path, body, headers) => send('PATCH', path, body, headers),
    delete: (path, headers) => send('DELETE', path, undefined, headers),
  };
}

const said = ({ method, path, status, text }) => `${method} ${path.slice(0, 200)} answered ${status} ${text.slice(0, 2000)}`;

const matches = (actual, expected, message) =>
  expected instanceof RegExp ? assert.match(actual, expected, message) : assert.equal(actual, expected, message);

/** The members that every error body has. */
export function assertErrorShape(response) {
  const { body } = response;
  assert.equal(body.statusCode, response.status, said(response));
  assert.match(body.timestamp, ISO, said(response));
  assert.equal(body.path, response.path, said(response));
  assert.ok(body.message, said(response));
  assert.ok(!('data' in body && Object.keys(body).length === 1), said(response));
}

/** A refusal with this status and, when given, exactly this message. */
export function assertRefused(response, status, message) {
  assert.equal(response.status, status, said(response));
  assertErrorShape(response);
  if (message !== undefined) matches(response.body.message, message, said(response));
}

/** A 422 over the shape of body or query, one of whose texts is (or matches) each of `texts`. */
export function assertInvalid(response, ...texts) {
  assertRefused(response, 422, 'Validation Error');
  const { ctx, errors } = response.body;
  assert.deepEqual(ctx, {}, said(response));
  assert.deepEqual(Object.keys(errors), ['general'], said(response));
  assert.equal(errors.general.value, 'No Value Recorded', said(response));
  for (const text of texts) {
    const found = errors.general.messages.some((message) => (text instanceof RegExp ? text.test(message) : message === text));
    assert.ok(found, `no text ${text} in: ${said(response)}`);
  }
}

export function assertStatus(response, status) {
  assert.equal(response.status, status, said(response));
  return response;
}

/** The `data` of a success. */
export function dataOf(response, status = 200) {
  assertStatus(response, status);
  return response.body.data;
}
