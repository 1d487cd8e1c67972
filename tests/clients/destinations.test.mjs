import assert from 'node:assert/strict';
import { after } from 'node:test';
import { fact } from './harness/contract.mjs';
import { startSlackEmulator } from './harness/emulator.mjs';
import { assertErrorShape, assertStatus, dataOf } from './harness/http.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startSlackEmulator();
after(() => slack.stop());
const server = await startServer({
  settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, CAMPANILE_ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8' },
});
after(() => server.stop());

const { api, ...make } = world(server);
const integration = await make.integration();
const owner = await make.subscriber();
const connection = await make.connection({ integration, subscriber: owner });

const destinations = (query, of = connection) => api.get(`/v1/channel-connections/${of.identifier}/destinations?${new URLSearchParams(query)}`);
const page = async (query, of) => {
  const response = await destinations(query, of);
  assertStatus(response, 200);
  return response.body;
};
const inChannel = async (channel, text) => (await slack.messages(channel)).filter((message) => message.text === text);

fact('channels are listed, sorted, searchable and paged, and one that is picked makes an endpoint', async () => {
  const all = await page({ kind: 'channel' });
  assert.equal(all.complete, true);
  const names = all.data.map(({ name }) => name);
  assert.deepEqual(names, [...names].sort());
  assert.ok(names.includes('general') && names.includes('random'), names.join());

  const paged = [];
  let after;
  do {
    const { data, next } = await page({ kind: 'channel', limit: '1', ...(after && { after }) });
    paged.push(...data);
    after = next;
  } while (after);
  assert.deepEqual(paged, all.data);

  const [general] = (await page({ kind: 'channel', query: '#GENÉR' })).data;
  assert.equal(general.selectable, true);
  const subscriber = await make.subscriber();
  const endpoint = await make.endpoint({ integration, subscriber, connection, type: general.type, endpoint: general.endpoint });
  assert.deepEqual(endpoint.endpoint, { channelId: slack.channels.general });
});

fact('an archived channel is shown once the list is read again, and says why it cannot be picked', async () => {
  const { channel } = await slack.call('conversations.create', { name: unique('done') });
  await slack.call('conversations.archive', { channel: channel.id });
  assert.ok(!(await page({ kind: 'channel' })).data.some(({ id }) => id === channel.id), 'the list is remembered');
  const found = (await page({ kind: 'channel', refresh: 'true' })).data.find(({ id }) => id === channel.id);
  assert.equal(found.selectable, false);
  assert.match(found.reason, /archived/);
});

fact('people are listed and found by their e-mail address', async () => {
  const { data } = await page({ kind: 'user', query: 'dana' });
  assert.deepEqual(data.map(({ type, endpoint }) => ({ type, endpoint })), [{ type: 'slack_user', endpoint: { userId: slack.users.dana } }]);
  assert.deepEqual((await page({ kind: 'user', email: 'dana@example.com' })).data.map(({ id }) => id), [slack.users.dana]);
  assert.deepEqual((await page({ kind: 'user', email: 'nobody@example.com' })).data, []);
});

fact('what makes no sense is refused with a sentence', async () => {
  const table = [
    [{}, 422, /kind/],
    [{ kind: 'planet' }, 422, /kind must be one of/],
    [{ kind: 'channel', limit: '0' }, 422, /limit/],
    [{ kind: 'channel', limit: '201' }, 422, /limit/],
    [{ kind: 'channel', after: 'nonsense' }, 400, /after/],
    [{ kind: 'channel', email: 'dana@example.com' }, 400, /kind=user/],
  ];
  for (const [query, status, text] of table) {
    const response = await destinations(query);
    assertStatus(response, status);
    assertErrorShape(response);
    assert.match(response.text, text);
  }
  const hooks = await make.integration({ providerId: 'chat-webhook' });
  const without = await make.connection({ integration: hooks, subscriber: owner });
  const response = await destinations({ kind: 'channel' }, without);
  assertStatus(response, 400);
  assert.match(response.body.message, /no list of destinations/);
});

fact('a test message goes to a destination of a connection, and to an endpoint, with the text that was asked for', async () => {
  const [general] = (await page({ kind: 'channel', query: 'general' })).data;
  const text = unique('a test');
  const sent = dataOf(
    await api.post(`/v1/channel-connections/${connection.identifier}/test-message`, { type: general.type, endpoint: general.endpoint, text }),
    201,
  );
  assert.equal(sent.outcome, 'delivered');
  assert.equal(sent.outbox, false);
  assert.equal((await inChannel(slack.channels.general, text)).length, 1);

  const subscriber = await make.subscriber();
  const endpoint = await make.endpoint({ integration, subscriber, connection, type: general.type, endpoint: general.endpoint });
  const usual = dataOf(await api.post(`/v1/channel-endpoints/${endpoint.identifier}/test-message`, {}), 201);
  assert.equal(usual.outcome, 'delivered');
  const [newest] = await slack.messages(slack.channels.general);
  assert.match(newest.text, /test message/);
});

fact('a test message that is refused says so in a sentence, and a broken endpoint is known to be broken', async () => {
  const subscriber = await make.subscriber();
  const endpoint = await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: 'C0NOWHERE' } });
  const { outcome, code, message } = dataOf(await api.post(`/v1/channel-endpoints/${endpoint.identifier}/test-message`, {}), 201);
  assert.equal(outcome, 'rejected');
  assert.equal(code, 'channel_not_found');
  assert.match(message, /channel/);
  const { health } = dataOf(await api.get(`/v1/channel-endpoints/${endpoint.identifier}`));
  assert.equal(health.status, 'broken');
});

fact('a test message with an Idempotency-Key is sent once', async () => {
  const text = unique('only once');
  const path = `/v1/channel-connections/${connection.identifier}/test-message`;
  const body = { type: 'slack_channel', endpoint: { channelId: slack.channels.random }, text };
  const headers = { 'idempotency-key': unique('key') };
  const first = await api.post(path, body, headers);
  const second = await api.post(path, body, headers);
  assert.equal(second.text, first.text);
  assert.equal((await inChannel(slack.channels.random, text)).length, 1);
});

fact('a test message of the wrong shape is refused', async () => {
  const path = `/v1/channel-connections/${connection.identifier}/test-message`;
  const table = [
    [{}, 422],
    [{ type: 'pigeon', endpoint: {} }, 422],
    [{ type: 'slack_channel', endpoint: { userId: 'U1' } }, 400],
    [{ type: 'slack_channel', endpoint: { channelId: 'C1' }, text: 'x'.repeat(2001) }, 422],
  ];
  for (const [body, status] of table) assertStatus(await api.post(path, body), status);
});
