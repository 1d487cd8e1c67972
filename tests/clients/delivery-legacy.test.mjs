import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { dataOf } from './harness/http.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());
const server = await startServer({ settings: { CAMPANILE_ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8' } });
after(() => server.stop());

const { api, ...make } = world(server);
const workflow = await make.workflow({ bodies: ['{{payload.text}}'] });
const integrations = {};
for (const providerId of ['discord', 'mattermost', 'slack']) integrations[providerId] = await make.integration({ providerId });

const run = async (subscriber, rest = {}) => {
  const text = unique('text');
  const { payload, ...other } = rest;
  const [story] = await finished(api, await make.trigger(workflow, subscriber, { payload: { text, ...payload }, ...other }));
  return { ...story, text };
};

const freshPath = () => `/${unique('hook')}`;

async function onEndpoint(providerId, endpoint) {
  const subscriber = await make.subscriber();
  await make.endpoint({ integration: integrations[providerId], subscriber, endpoint });
  return subscriber;
}

async function onCredentials(providerId, credentials) {
  const subscriber = await make.subscriber();
  dataOf(await api.put(`/v1/subscribers/${subscriber.subscriberId}/credentials`, { providerId, credentials }));
  return subscriber;
}

fact('Discord gets the content and is asked to wait for the id', async () => {
  const path = freshPath();
  receiver.answers(path, { body: { id: '1234567890', timestamp: '2026-01-01T00:00:00.000Z' } });
  const { statuses, text, raw } = await run(await onEndpoint('discord', { url: receiver.url + path }));
  assert.deepEqual(statuses, ['completed']);
  const [request] = receiver.requests(path);
  assert.equal(request.query.wait, 'true');
  assert.equal(request.json.content, text);
  assert.match(raw, /1234567890/);
});

fact('Discord keeps the query of the address', async () => {
  const path = freshPath();
  await run(await onEndpoint('discord', { url: `${receiver.url}${path}?thread_id=42` }));
  assert.deepEqual(receiver.requests(path)[0].query, { thread_id: '42', wait: 'true' });
});

fact('Discord is merged with its overrides', async () => {
  const path = freshPath();
  await run(await onEndpoint('discord', { url: receiver.url + path }), { overrides: { providers: { discord: { username: 'Bell' } } } });
  assert.equal(receiver.requests(path)[0].json.username, 'Bell');
});

fact('overrides for chat as a whole and for the provider by name go into the request', async () => {
  const path = freshPath();
  await run(await onEndpoint('discord', { url: receiver.url + path }), { overrides: { chat: { username: 'Bell', tts: true }, discord: { tts: false } } });
  const { username, tts } = receiver.requests(path)[0].json;
  assert.deepEqual([username, tts], ['Bell', false]);
});

fact('Mattermost gets the text, and the channel of its endpoint', async () => {
  const path = freshPath();
  const { statuses, text } = await run(await onEndpoint('mattermost', { url: receiver.url + path, channel: 'town-square' }));
  assert.deepEqual(statuses, ['completed']);
  assert.deepEqual(receiver.requests(path)[0].json, { text, channel: 'town-square' });
  const plain = freshPath();
  const second = await run(await onEndpoint('mattermost', { url: receiver.url + plain }));
  assert.deepEqual(receiver.requests(plain)[0].json, { text: second.text });
});

fact('credentials of a subscriber are an address as good as an endpoint', async () => {
  for (const [providerId, key] of [['slack', 'text'], ['discord', 'content'], ['mattermost', 'text']]) {
    const path = freshPath();
    const { statuses, text } = await run(await onCredentials(providerId, { webhookUrl: receiver.url + path }));
    assert.deepEqual(statuses, ['completed'], providerId);
    assert.equal(receiver.requests(path)[0].json[key], text);
  }
});

fact('the channel of the credentials goes with the address', async () => {
  const path = freshPath();
  await run(await onCredentials('mattermost', { webhookUrl: receiver.url + path, channel: 'off-topic' }));
  assert.equal(receiver.requests(path)[0].json.channel, 'off-topic');
});

fact('endpoints and credentials are both delivered', async () => {
  const paths = [freshPath(), freshPath()];
  const subscriber = await onCredentials('discord', { webhookUrl: receiver.url + paths[0] });
  await make.endpoint({ integration: integrations.discord, subscriber, endpoint: { url: receiver.url + paths[1] } });
  await run(subscriber);
  assert.deepEqual(paths.map((path) => receiver.requests(path).length), [1, 1]);
});

fact('an override beats the payload, and the payload the credentials', async () => {
  const paths = { stored: freshPath(), payload: freshPath(), override: freshPath() };
  const subscriber = await onCredentials('discord', { webhookUrl: receiver.url + paths.stored });
  const heard = () => Object.values(paths).map((path) => receiver.requests(path).length);
  const payload = { webhookUrl: receiver.url + paths.payload };
  await run(subscriber, { payload });
  assert.deepEqual(heard(), [0, 1, 0]);
  await run(subscriber, { payload, overrides: { providers: { discord: { webhookUrl: receiver.url + paths.override } } } });
  assert.deepEqual(heard(), [0, 1, 1]);
  await run(subscriber);
  assert.deepEqual(heard(), [1, 1, 1]);
});

fact('credentials without an address are an error that says what is missing', async () => {
  const { statuses, details } = await run(await onCredentials('discord', { channel: 'general' }));
  assert.deepEqual(statuses, ['failed']);
  assert.ok(details.includes('Webhook URL for the chat channel is missing'), details);
});

fact('a webhook that answers Slack anything but ok has failed', async () => {
  const path = freshPath();
  receiver.answers(path, { status: 200, body: 'invalid_payload' });
  const { statuses } = await run(await onEndpoint('slack', { url: receiver.url + path }));
  assert.deepEqual(statuses, ['failed']);
});
