import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, notificationsOf } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });
const keyed = (key) => ({ 'idempotency-key': key });
const isReplay = (response) => response.headers.get('idempotency-replay') === 'true';

fact('the same key with the same body gives the first answer again and says so', async () => {
  const key = unique('key');
  const body = { type: 'tenant', id: unique('context'), data: { plan: 'free' } };
  const first = await api.post('/v2/contexts', body, keyed(key));
  const second = await api.post('/v2/contexts', body, keyed(key));
  assertStatus(first, 201);
  assertStatus(second, 201);
  assert.deepEqual(second.body, first.body);
  assert.ok(!isReplay(first));
  assert.ok(isReplay(second));
  for (const response of [first, second]) assert.equal(response.headers.get('idempotency-key'), key);
});

fact('a refusal is replayed too', async () => {
  const { type, id } = dataOf(await api.post('/v2/contexts', { type: 'tenant', id: unique('context') }), 201);
  const key = unique('key');
  const answers = [];
  for (let time = 0; time < 2; time += 1) answers.push(await api.post('/v2/contexts', { type, id }, keyed(key)));
  for (const answer of answers) assertRefused(answer, 409, `Context with type '${type}' and id '${id}' already exists`);
  assert.ok(isReplay(answers[1]));
});

fact('a refused create that has become possible stays refused for its key only', async () => {
  const connection = async (key) =>
    api.post('/v1/channel-connections', {
      integrationIdentifier: 'comes-later', subscriberId: 'comes-later', workspace: { id: 'T1' }, auth: { accessToken: 'x' },
    }, keyed(key));
  const key = unique('key');
  assertRefused(await connection(key), 404, 'Integration not found: comes-later');
  await make.integration({ identifier: 'comes-later' });
  await make.subscriber({ subscriberId: 'comes-later' });
  const replay = await connection(key);
  assertRefused(replay, 404, 'Integration not found: comes-later');
  assert.ok(isReplay(replay));
  assertStatus(await connection(unique('key')), 201);
});

fact('the same key with another body is a 422 with a Link', async () => {
  const key = unique('key');
  assertStatus(await api.post('/v2/contexts', { type: 'tenant', id: unique('context') }, keyed(key)), 201);
  const other = await api.post('/v2/contexts', { type: 'tenant', id: unique('context') }, keyed(key));
  assertRefused(other, 422, `Request with key "${key}" is being reused for a different body`);
  assert.ok(other.headers.get('link'));
});

fact('the same key and body on another path is a 422', async () => {
  const key = unique('key');
  const body = { subscriberId: unique('subscriber') };
  assertStatus(await api.post('/v2/subscribers', body, keyed(key)), 201);
  assertRefused(await api.patch(`/v2/subscribers/${body.subscriberId}`, body, keyed(key)), 422);
});

fact('many at once with one key have one effect', async () => {
  const integration = await make.integration();
  const subscriber = await make.subscriber();
  const key = unique('key');
  const body = {
    integrationIdentifier: integration.identifier,
    subscriberId: subscriber.subscriberId,
    type: 'webhook',
    endpoint: { url: 'https://hooks.example.com/1' },
  };
  const answers = await Promise.all(Array.from({ length: 10 }, () => api.post('/v1/channel-endpoints', body, keyed(key))));
  const created = answers.filter(({ status }) => status === 201);
  const busy = answers.filter(({ status }) => status === 409);
  assert.ok(created.length >= 1);
  assert.equal(created.length + busy.length, answers.length);
  assert.equal(new Set(created.map((answer) => answer.body.data.identifier)).size, 1);
  for (const answer of busy) {
    assertRefused(answer, 409, `Request with key "${key}" is currently being processed. Please retry after 1 second`);
    assert.equal(answer.headers.get('retry-after'), '1');
    assert.ok(answer.headers.get('link'));
  }
  const list = await api.get(`/v1/channel-endpoints?subscriberId=${subscriber.subscriberId}`);
  assert.equal(list.body.totalCount, 1);
});

fact('a key has at most 255 characters', async () => {
  const long = 'k'.repeat(256);
  assertRefused(
    await api.post('/v2/contexts', { type: 'tenant', id: unique('context') }, keyed(long)),
    400,
    `idempotencyKey "${long}" has exceeded the maximum allowed length of 255 characters`,
  );
  assertStatus(await api.post('/v2/contexts', { type: 'tenant', id: unique('context') }, keyed('k'.repeat(255))), 201);
});

fact('PATCH is guarded; GET, PUT and DELETE are not', async () => {
  const { subscriberId } = await make.subscriber({ firstName: 'Ann' });
  const path = `/v2/subscribers/${subscriberId}`;
  const key = unique('key');
  dataOf(await api.patch(path, { firstName: 'Beth' }, keyed(key)));
  dataOf(await api.patch(path, { firstName: 'Cleo' }, keyed(unique('key'))));
  const replay = await api.patch(path, { firstName: 'Beth' }, keyed(key));
  assert.ok(isReplay(replay));
  assert.equal(dataOf(replay).firstName, 'Beth');

  for (let time = 0; time < 2; time += 1) {
    const read = await api.get(path, keyed(key));
    assert.ok(!isReplay(read));
    assert.equal(dataOf(read).firstName, 'Cleo', 'the replayed PATCH changed nothing');
  }

  const integration = await make.integration();
  for (const name of ['One', 'Two']) {
    const response = await api.put(`/v1/integrations/${integration._id}`, { name, check: false }, keyed('same-for-put'));
    assert.equal(dataOf(response).name, name);
  }

  assertStatus(await api.delete(path, keyed('same-for-delete')), 200);
  assertRefused(await api.delete(path, keyed('same-for-delete')), 404);
});

fact('a key belongs to one environment', async () => {
  const key = unique('key');
  const body = { type: 'tenant', id: unique('context') };
  assertStatus(await api.post('/v2/contexts', body, keyed(key)), 201);
  const other = await production.api.post('/v2/contexts', body, keyed(key));
  assertStatus(other, 201);
  assert.ok(!isReplay(other));
});

fact('a caller without a valid key leaves no record', async () => {
  const key = unique('key');
  const body = { type: 'tenant', id: unique('context') };
  const refused = await api.post('/v2/contexts', body, { ...keyed(key), authorization: 'ApiKey wrong' });
  assertRefused(refused, 401);
  assert.equal(refused.headers.get('idempotency-key'), null);
  assert.ok(!isReplay(assertStatus(await api.post('/v2/contexts', body, keyed(key)), 201)));
});

fact('a trigger repeated under its key is one event', covers('EventsController_trigger'), async () => {
  const workflow = await make.workflow();
  const subscriber = await make.subscriber();
  const novu = sdk(server);
  const key = unique('key');
  const body = { workflowId: workflow.workflowId, to: subscriber.subscriberId, payload: {} };
  const first = await novu.trigger(body, key);
  const second = await novu.trigger(body, key);
  const third = await novu.trigger(body, unique('key'));
  assert.equal(second.result.transactionId, first.result.transactionId);
  assert.notEqual(third.result.transactionId, first.result.transactionId);
  await finished(api, third.result);
  await finished(api, first.result);
  assert.equal((await notificationsOf(api, first.result)).length, 1);
});

fact('a refused trigger is replayed, and its key cannot be used for another body', async () => {
  const key = unique('key');
  const trigger = (name) => api.post('/v1/events/trigger', { name, to: 'someone' }, keyed(key));
  assertRefused(await trigger('no-such-workflow'), 422, 'workflow_not_found');
  const replay = await trigger('no-such-workflow');
  assertRefused(replay, 422, 'workflow_not_found');
  assert.ok(isReplay(replay));
  assertRefused(await trigger('another-workflow'), 422, `Request with key "${key}" is being reused for a different body`);
});

fact('a client that retries after a lost answer gets the first answer', async () => {
  const { HTTPClient } = await import('@novu/api/lib/http.js');
  let lost = 0;
  const httpClient = new HTTPClient({
    fetcher: async (input, init) => {
      const response = await fetch(input, init);
      if (lost > 0) return response;
      lost += 1;
      await response.text();
      return new Response('gone', { status: 502 });
    },
  });
  const retrying = { strategy: 'backoff', backoff: { initialInterval: 1, maxInterval: 5, exponent: 1, maxElapsedTime: 60_000 } };
  const novu = sdk(server, { httpClient, retryConfig: retrying });
  const context = { type: 'tenant', id: unique('context') };
  const { result, headers } = await novu.contexts.create(context);
  assert.equal(lost, 1);
  assert.equal(result.id, context.id);
  assert.deepEqual(headers['idempotency-replay'], ['true']);
});
