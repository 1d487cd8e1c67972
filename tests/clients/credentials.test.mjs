import assert from 'node:assert/strict';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const path = ({ subscriberId }) => `/v1/subscribers/${subscriberId}/credentials`;
const channelOf = (subscriber, integration) => subscriber.channels.find(({ _integrationId }) => _integrationId === integration._id);

const slack = await make.integration();
const push = await make.integration({ providerId: 'fcm', channel: 'push', credentials: { serviceAccount: '{}' } });

fact('credentials are kept by provider and integration', covers('SubscribersV1Controller_updateSubscriberChannel'), async () => {
  const subscriber = await make.subscriber();
  const credentials = { webhookUrl: 'https://hooks.example.com/a' };
  const { result } = await novu.subscribers.credentials.update({ providerId: 'slack', credentials }, subscriber.subscriberId);
  assert.equal(result.channels.length, 1);
  const [channel] = result.channels;
  assert.equal(channel.providerId, 'slack');
  assert.equal(channel.integrationId, slack._id);
  assert.equal(channel.credentials.webhookUrl, credentials.webhookUrl);
  const read = dataOf(await api.get(`/v2/subscribers/${subscriber.subscriberId}`));
  assert.equal(channelOf(read, slack).integrationIdentifier, slack.identifier);
});

fact('other keys than device tokens are merged over the old ones', async () => {
  const subscriber = await make.subscriber();
  dataOf(await api.put(path(subscriber), { providerId: 'slack', credentials: { webhookUrl: 'https://hooks.example.com/b' } }));
  const merged = dataOf(await api.put(path(subscriber), { providerId: 'slack', credentials: { channel: 'general' } }));
  assert.deepEqual(channelOf(merged, slack).credentials, { webhookUrl: 'https://hooks.example.com/b', channel: 'general' });
});

fact('PUT replaces device tokens and PATCH adds to them, each token once', covers('SubscribersV1Controller_modifySubscriberChannel'), async () => {
  const subscriber = await make.subscriber();
  const tokens = (answer) => channelOf(dataOf(answer), push).credentials.deviceTokens;
  const put = (deviceTokens) => api.put(path(subscriber), { providerId: 'fcm', credentials: { deviceTokens } });
  const patch = (deviceTokens) => api.patch(path(subscriber), { providerId: 'fcm', credentials: { deviceTokens } });
  assert.deepEqual(tokens(await put(['a'])), ['a']);
  assert.deepEqual(tokens(await put(['b', 'b'])), ['b']);
  assert.deepEqual(tokens(await patch(['c', 'b'])), ['b', 'c']);
  const { result } = await novu.subscribers.credentials.append({ providerId: 'fcm', credentials: { deviceTokens: ['d'] } }, subscriber.subscriberId);
  assert.deepEqual(result.channels[0].credentials.deviceTokens, ['b', 'c', 'd']);
  assert.deepEqual(tokens(await put([])), []);
});

fact('a channel holds at most 100 device tokens', async () => {
  const subscriber = await make.subscriber();
  const tokens = Array.from({ length: 101 }, (_, at) => `token-${at}`);
  const body = (deviceTokens) => ({ providerId: 'fcm', credentials: { deviceTokens } });
  const limit = /^Device tokens limit exceeded\. Maximum allowed tokens per subscriber channel is 100/;
  assertRefused(await api.put(path(subscriber), body(tokens)), 400, limit);
  assertStatus(await api.put(path(subscriber), body(tokens.slice(0, 100))), 200);
  assertRefused(await api.patch(path(subscriber), body(['one-more'])), 400, limit);
});

fact('without an identifier the newest active integration of the provider is meant', async () => {
  const older = await make.integration({ providerId: 'discord' });
  const newer = await make.integration({ providerId: 'discord' });
  await make.integration({ providerId: 'discord', active: false });
  const subscriber = await make.subscriber();
  const body = { providerId: 'discord', credentials: { webhookUrl: 'https://discord.example.com/1' } };
  const first = dataOf(await api.put(path(subscriber), body));
  assert.deepEqual(first.channels.map(({ _integrationId }) => _integrationId), [newer._id]);
  const both = dataOf(await api.put(path(subscriber), { ...body, integrationIdentifier: older.identifier }));
  assert.deepEqual(both.channels.map(({ _integrationId }) => _integrationId).sort(), [older._id, newer._id].sort());
});

fact('an unknown subscriber or a provider without an active integration is a 400', async () => {
  const subscriber = await make.subscriber();
  const environment = dataOf(await api.get('/v1/environments/me'));
  await make.integration({ providerId: 'mattermost', active: false });
  const body = (providerId) => ({ providerId, credentials: { webhookUrl: 'https://chat.example.com/1' } });
  for (const send of [api.put, api.patch]) {
    assertRefused(await send(path({ subscriberId: 'nobody' }), body('slack')), 400, 'SubscriberId: nobody not found');
    const none = `Subscribers environment (${environment._id}) do not have active mattermost integration.`;
    assertRefused(await send(path(subscriber), body('mattermost')), 400, none);
  }
});

fact('the provider is one of the chat and push providers', async () => {
  const subscriber = await make.subscriber();
  assertInvalid(await api.put(path(subscriber), { providerId: 'sendgrid', credentials: {} }), /^providerId must be one of the following values: /);
  assertInvalid(await api.put(path(subscriber), { credentials: {} }), /^providerId /);
  assertInvalid(await api.put(path(subscriber), { providerId: 'slack' }), /^credentials /);
});

fact('deleting removes a provider and leaves the others', covers('SubscribersV1Controller_deleteSubscriberCredentials'), async () => {
  const subscriber = await make.subscriber();
  dataOf(await api.put(path(subscriber), { providerId: 'slack', credentials: { webhookUrl: 'https://hooks.example.com/c' } }));
  dataOf(await api.put(path(subscriber), { providerId: 'fcm', credentials: { deviceTokens: ['a'] } }));
  await novu.subscribers.credentials.delete(subscriber.subscriberId, 'slack');
  const left = dataOf(await api.get(`/v2/subscribers/${subscriber.subscriberId}`));
  assert.deepEqual(left.channels.map(({ providerId }) => providerId), ['fcm']);
  assertRefused(await api.delete(`${path({ subscriberId: 'nobody' })}/slack`), 404);
});

fact('presence is recorded, and the time of leaving too', covers('SubscribersV1Controller_updateSubscriberOnlineFlag'), async () => {
  const subscriber = await make.subscriber();
  const set = async (isOnline) => (await novu.subscribers.properties.updateOnlineFlag({ isOnline }, subscriber.subscriberId)).result;
  const online = await set(true);
  assert.deepEqual([online.isOnline, online.lastOnlineAt], [true, undefined]);
  const offline = await set(false);
  assert.equal(offline.isOnline, false);
  assert.ok(Date.parse(offline.lastOnlineAt) > 0);
  assertRefused(await api.patch('/v1/subscribers/nobody/online-status', { isOnline: true }), 404);
});
