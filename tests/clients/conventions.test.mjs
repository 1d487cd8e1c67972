import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after } from 'node:test';
import { fact } from './harness/contract.mjs';
import { assertErrorShape, assertInvalid, assertRefused, assertStatus, dataOf, http } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';
import { operations } from './operations.mjs';

const server = await startServer({ settings: { CAMPANILE_LOG: 'debug' } });
after(() => server.stop());

const { api, ...make } = world(server);
const anonymous = (path, headers = {}, method = 'GET') => http(server).send(method, path, undefined, headers);

fact('a request without Authorization is a 401 that says so', async () => {
  const response = await fetch(`${server.url}/v2/subscribers`);
  assert.equal(response.status, 401);
  assert.equal((await response.json()).message, 'Missing authorization header');
});

fact('a scheme other than ApiKey is a 401 that names it, and the scheme is case-sensitive', async () => {
  for (const scheme of ['Basic', 'apikey', 'APIKEY', 'Token']) {
    const response = await anonymous('/v2/subscribers', { authorization: `${scheme} ${server.keys.development}` });
    assertRefused(response, 401, `Invalid authentication scheme: "${scheme}"`);
  }
});

fact('a bearer token that we never issued is a 401', async () => {
  assertRefused(await anonymous('/v2/subscribers', { authorization: 'Bearer abc.def.ghi' }), 401);
});

fact('a wrong key is a 401 that does not repeat it', async () => {
  const wrong = 'f'.repeat(32);
  const response = await anonymous('/v2/subscribers', { authorization: `ApiKey ${wrong}` });
  assertRefused(response, 401, 'API Key not found');
  assert.ok(!response.text.includes(wrong));

  const error = await refusal(sdk(server, { secretKey: wrong }).subscribers.search({}));
  assert.equal(error.name, 'ErrorDto');
  assert.equal(error.statusCode, 401);
  assert.equal(error.message, 'API Key not found');
});

fact('an unknown path is a 404 in the error shape, whose path holds the query', async () => {
  assertRefused(await api.get('/v1/nothing-here?a=1&b=two'), 404);
  assertRefused(await api.post('/v3/subscribers', {}), 404);
});

fact('a path of one version is a 404 under the other', async () => {
  for (const path of ['/v1/contexts', '/v2/channel-connections', '/v2/integrations', '/v2/messages']) {
    assertRefused(await api.get(path), 404);
  }
});

fact('a plain refusal carries the name of its status at the root and under ctx', async () => {
  const { body } = await api.get('/v2/subscribers/nobody');
  assert.equal(body.error, 'Not Found');
  assert.equal(body.ctx.error, 'Not Found');
  assert.equal(body.ctx.statusCode, 404);
});

fact('a body of the wrong shape is a 422 that lists every text', async () => {
  const response = await api.post('/v1/channel-connections', { integrationIdentifier: 5, workspace: {}, auth: 'token' });
  assertInvalid(response, 'integrationIdentifier must be a string', /^workspace\.id /, /^auth /);

  const error = await refusal(sdk(server).workflows.list({ limit: 101 }));
  assert.equal(error.name, 'ValidationErrorDto');
  assert.deepEqual(error.errors.general.messages, ['limit must not be greater than 100']);
});

fact('a body that is not JSON is a 400 in the error shape', async () => {
  assertRefused(await api.post('/v2/subscribers', '{"subscriberId": '), 400);
});

fact('an empty body with a JSON content type counts as no fields', async () => {
  const { subscriberId } = await make.subscriber({ firstName: 'Ann' });
  const response = await api.send('PATCH', `/v2/subscribers/${subscriberId}`, '', { 'content-type': 'application/json' });
  assert.equal(dataOf(response).firstName, 'Ann');
});

fact('unknown fields are neither refused nor stored', async () => {
  const subscriberId = unique('subscriber');
  const created = dataOf(await api.post('/v2/subscribers', { subscriberId, nonsense: 'kept?' }), 201);
  assert.ok(!('nonsense' in created));
  assert.ok(!('nonsense' in dataOf(await api.get(`/v2/subscribers/${subscriberId}`))));
});

fact('a single object is alone under data, and a list has its paging beside it', async () => {
  const { subscriberId } = await make.subscriber();
  assert.deepEqual(Object.keys((await api.get(`/v2/subscribers/${subscriberId}`)).body), ['data']);
  assert.deepEqual(Object.keys((await api.get('/v2/subscribers')).body).sort(), ['data', 'next', 'previous', 'totalCount', 'totalCountCapped']);
  assert.deepEqual(Object.keys((await api.get('/v2/workflows')).body.data).sort(), ['totalCount', 'workflows']);
  const messages = (await api.get('/v1/messages')).body;
  assert.deepEqual([messages.page, messages.pageSize, messages.hasMore, messages.data], [0, 10, false, []]);
});

fact('a query list is accepted repeated, in brackets, and as one value', async () => {
  const tags = [unique('tag'), unique('tag')];
  for (const tag of tags) await make.workflow({ tags: [tag] });
  const count = async (query) => dataOf(await api.get(`/v2/workflows?${query}`)).totalCount;
  assert.equal(await count(`tags=${tags[0]}`), 1);
  assert.equal(await count(`tags=${tags[0]}&tags=${tags[1]}`), 2);
  assert.equal(await count(`tags[]=${tags[0]}&tags[]=${tags[1]}`), 2);
  assert.equal(await count(`tags%5B0%5D=${tags[0]}&tags%5B1%5D=${tags[1]}`), 2);
});

fact('a number in a query may carry a fraction of zero', async () => {
  assert.equal((await api.get('/v1/messages?limit=7.0&page=0.0')).body.pageSize, 7);
});

fact('path segments may hold colons and percent-encoded characters', async () => {
  const subscriberId = 'tenant:1.user_2-a@example.com';
  await make.subscriber({ subscriberId });
  assert.equal(dataOf(await api.get(`/v2/subscribers/${subscriberId}`)).subscriberId, subscriberId);
  assert.equal(dataOf(await api.get(`/v2/subscribers/${encodeURIComponent(subscriberId)}`)).subscriberId, subscriberId);
});

fact('a browser may ask first: the preflight of the official clients is allowed', async () => {
  const asked = ['authorization', 'content-type', 'novu-api-version', 'novu-client-version', 'novu-application-identifier'];
  for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
    const response = await fetch(`${server.url}/v1/inbox/session`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example.com',
        'access-control-request-method': method,
        'access-control-request-headers': asked.join(','),
      },
    });
    assert.ok(response.ok, `preflight of ${method} answered ${response.status}`);
    const list = (name) => response.headers.get(name).toLowerCase().split(/\s*,\s*/);
    assert.ok(['*', 'https://app.example.com'].includes(response.headers.get('access-control-allow-origin')));
    assert.ok(list('access-control-allow-methods').includes(method.toLowerCase()));
    assert.deepEqual(asked.filter((name) => !list('access-control-allow-headers').includes(name)), []);
  }
});

fact('every answer has a request id of its own, which the log line of the request carries', async () => {
  const answers = [await api.get('/v2/subscribers'), await api.get('/v2/subscribers/nobody'), await api.get('/nowhere')];
  const ids = answers.map((answer) => answer.headers.get('x-request-id'));
  assert.ok(ids.every(Boolean));
  assert.equal(new Set(ids).size, ids.length);
  await eventually(() => assert.ok(ids.every((id) => server.output().includes(id))));
});

fact('health is open to everyone', async () => {
  for (const path of ['/healthz', '/readyz', '/v1/health-check']) {
    const response = await fetch(server.url + path);
    assert.equal(response.status, 200, path);
    const body = await response.text();
    if (path === '/v1/health-check') assert.equal(JSON.parse(body).data.status, 'ok');
  }
});

fact('metrics are for loopback callers that came through no proxy', async () => {
  const direct = await fetch(`${server.url}/metrics`);
  assert.equal(direct.status, 200);
  assert.match(await direct.text(), /^# (HELP|TYPE) /m);
  for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip']) {
    const response = await anonymous('/metrics', { [header]: header === 'forwarded' ? 'for=203.0.113.9' : '203.0.113.9' });
    assert.ok([401, 403, 404].includes(response.status), `${header} gave ${response.status}`);
  }
});

fact('with rate limits on, answers say what is left, and too many calls are a 429 that says when to come back', async () => {
  const limited = await startServer({ settings: { CAMPANILE_RATE_LIMIT: 'on' } });
  try {
    const calls = http(limited);
    const { headers } = assertStatus(await calls.get('/v2/subscribers'), 200);
    for (const name of ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset']) assert.match(headers.get(name), /^\d+$/, name);
    assert.match(headers.get('ratelimit-policy'), /^\d+;w=\d+;burst=\d+;comment="token bucket";category="[a-z]+";cost="single";serviceLevel="[a-z]+"$/);
    // A bulk call costs as much as a hundred others.
    let refused;
    for (let call = 0; call < 1000 && !refused; call += 1) {
      const answer = await calls.post('/v1/subscribers/bulk', { subscribers: [{ subscriberId: 'someone' }] });
      if (answer.status !== 201) refused = answer;
    }
    assertStatus(refused, 429);
    assert.match(refused.text, /API rate limit exceeded/);
    assert.match(refused.headers.get('retry-after'), /^\d+$/);
    assertStatus(await calls.get('/v1/environments/me'), 200);
  } finally {
    await limited.stop();
  }
});

fact('without dev mode there is no outbox', async () => {
  assertRefused(await api.get('/dev/outbox'), 404);
  assertStatus(await api.get('/dev'), 404);
});

const template = (path) => path.replace(/\{[^}]+\}/g, '{}');
const document = await (await fetch(`${server.url}/openapi.json`)).json();
const served = new Map(
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
      .map(([method, operation]) => [`${method.toUpperCase()} ${template(path)}`, operation.operationId]),
  ),
);

fact('the OpenAPI document gives the served operations the ids that generated clients know', async () => {
  const wrong = operations.filter(({ method, path, id }) => {
    const published = served.get(`${method} ${template(path)}`);
    return published !== undefined && published !== id;
  });
  assert.deepEqual(wrong, []);
  const ids = [...served.values()];
  assert.equal(new Set(ids).size, ids.length, 'operation ids are unique');
});

fact('every operation that is served has a test through the SDK', () => {
  const here = new URL('.', import.meta.url);
  const tests = readdirSync(here).filter((file) => file.endsWith('.test.mjs')).map((file) => readFileSync(new URL(file, here), 'utf8')).join('\n');
  const unproven = operations.filter(({ method, path, id }) => served.has(`${method} ${template(path)}`) && !tests.includes(`'${id}'`));
  assert.deepEqual(unproven.map(({ id }) => id), []);
});

fact('what is not served is a 404 in the error shape', async () => {
  const missing = operations.filter(({ method, path }) => !served.has(`${method} ${template(path)}`));
  for (const { method, path } of missing) {
    const response = await api.send(method, path.replace(/\{[^}]+\}/g, 'x'), method === 'GET' ? undefined : {});
    assertErrorShape(response);
    // Where a served route has the same shape (`/topics/{key}` for `/topics/x`), its own refusal is as good.
    assert.ok([404, 405].includes(response.status), `${method} ${path} answered ${response.status}`);
  }
});

fact('SIGTERM ends the server with exit code 0', async () => {
  const other = await startServer();
  assert.deepEqual(await other.stop(), { code: 0, signal: null });
});
