// A subscriber's connections and endpoints, seen and changed through the official browser client.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf, http } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { onPostgres, startServer } from './harness/server.mjs';
import { contextHashOf, given, hashOf, novu, refusal, session } from './harness/subscriber.mjs';
import { unique, world } from './harness/world.mjs';

// Slack's exchange: each code is of another workspace.
const slack = await startReceiver();
after(() => slack.stop());
slack.answers('/api/oauth.v2.access', ({ text }) => {
  const team = new URLSearchParams(text).get('code');
  return { body: { ok: true, access_token: `xoxb-${team}`, token_type: 'bot', scope: 'chat:write', bot_user_id: 'B1', app_id: 'A1', team: { id: team, name: `Team ${team}` }, authed_user: { id: `U${team}` } } };
});
slack.answers('/api/auth.revoke', { body: { ok: true, revoked: true } });
const telegram = await startReceiver();
after(() => telegram.stop());
telegram.answers('/bot1:abc/getMe', { body: { ok: true, result: { id: 1, is_bot: true, first_name: 'Bot', username: 'MyBot' } } });

const server = await startServer({
  settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, CAMPANILE_PROVIDERS__TELEGRAM__BASE_URL: telegram.url },
});
after(() => server.stop());

const { api, ...make } = world(server);
const credentials = { applicationId: 'A1', clientId: '1.2', secretKey: 'secret', signingSecret: 's' };
const integration = await make.integration({ credentials });
const lenient = await make.integration({ credentials: { ...credentials, allowUnverifiedShared: true } });
const { identifier: integrationIdentifier } = integration;
const root = '/v1/inbox/channel-connections';
const ends = '/v1/inbox/channel-endpoints';

/** What the customer does: they follow the link, consent for a workspace, and are sent back. */
async function consent(link, team) {
  const state = new URL(link).searchParams.get('state');
  const back = await fetch(`${server.url}/v1/integrations/chat/oauth/callback?code=${team}&state=${encodeURIComponent(state)}`);
  assert.equal(back.status, 200, await back.text());
}

const ids = (list) => list.map(({ identifier }) => identifier).sort();

fact('a connection is shown where it leads and how it stands, and never its tokens', async () => {
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration, subscriber, auth: { accessToken: 'xoxb-hidden-token-0123456789' } });
  const client = novu(server, { subscriber: subscriber.subscriberId });
  const [listed] = await given(client.channelConnections.list());
  const { createdAt, updatedAt, health, ...rest } = listed;
  assert.deepEqual(rest, {
    identifier: connection.identifier, channel: 'chat', providerId: 'slack', integrationIdentifier, subscriberId: subscriber.subscriberId, contextKeys: [],
    workspace: { id: 'T0001', name: 'Acme' },
  });
  assert.deepEqual([createdAt, updatedAt, health.status], [connection.createdAt, connection.updatedAt, 'active']);
  // The client hands this body over as it is, envelope included.
  const got = await given(client.channelConnections.get({ identifier: connection.identifier }));
  assert.deepEqual(got, { ...listed, data: listed });
  const ann = await session(server, { subscriber: subscriber.subscriberId });
  for (const path of [root, `${root}/${connection.identifier}`]) assert.ok(!(await ann.get(path)).text.includes('xoxb-'));
});

fact('a session sees its own connections and the shared ones of its contexts, and nothing else', async () => {
  const [ann, bob] = [await make.subscriber(), await make.subscriber()];
  const tenant = unique('tenant');
  const context = { tenant };
  const own = await make.connection({ integration, subscriber: ann });
  const ownThere = await make.connection({ integration, subscriber: ann, context });
  const shared = await make.connection({ integration, context, connectionMode: 'shared' });
  const bobs = await make.connection({ integration, subscriber: bob, context });
  const elsewhere = await make.connection({ integration, context: { tenant: unique('tenant') }, connectionMode: 'shared' });
  const plain = novu(server, { subscriber: ann.subscriberId });
  assert.deepEqual(ids(await given(plain.channelConnections.list())), [own.identifier]);
  const there = novu(server, { subscriber: ann.subscriberId, context });
  const list = async (query) => ids(await given(there.channelConnections.list(query)));
  assert.deepEqual(await list(), [ownThere.identifier, shared.identifier].sort());
  assert.deepEqual(await list({ connectionMode: 'subscriber' }), [ownThere.identifier]);
  assert.deepEqual(await list({ connectionMode: 'shared' }), [shared.identifier]);
  // What a caller says about whose and where is not looked at.
  assert.deepEqual(await list({ subscriberId: bob.subscriberId, contextKeys: [], connectionMode: 'subscriber' }), [ownThere.identifier]);
  assert.deepEqual(await list({ connectionIdentifier: shared.identifier }), [shared.identifier]);
  assert.deepEqual(await list({ connectionIdentifier: bobs.identifier }), []);
  assert.deepEqual(await list({ integrationIdentifier: lenient.identifier }), []);
  for (const hidden of [own, bobs, elsewhere]) {
    assert.equal(await refusal(there.channelConnections.get({ identifier: hidden.identifier })), 404);
    assert.equal(await refusal(there.channelConnections.delete({ identifier: hidden.identifier })), 404);
    assertStatus(await api.get(`/v1/channel-connections/${hidden.identifier}`), 200);
  }
  assert.equal(await refusal(there.channelConnections.get({ identifier: shared.identifier, connectionMode: 'subscriber' })), 404);
  const { body } = await (await session(server, { subscriber: ann.subscriberId, context })).get(`${root}?limit=1`);
  assert.deepEqual([body.data.length, body.totalCount, typeof body.next], [1, 2, 'string']);
});

fact('a subscriber connects, is linked, and disconnects', async () => {
  const { subscriberId } = await make.subscriber();
  const client = novu(server, { subscriber: subscriberId });
  const identifier = `chconn-slack-default-${subscriberId}`;
  assert.equal(await refusal(client.channelConnections.get({ identifier })), 404);
  const { url } = await given(client.channelConnections.generateConnectOAuthUrl({ integrationIdentifier, connectionIdentifier: identifier, subscriberId: 'somebody else', connectionMode: 'subscriber', autoLinkUser: true }));
  assert.equal(new URL(url).origin, slack.url);
  await consent(url, unique('T'));
  const connection = await given(client.channelConnections.get({ identifier }));
  assert.deepEqual([connection.identifier, connection.subscriberId], [identifier, subscriberId]);
  const [endpoint] = await given(client.channelEndpoints.list({ integrationIdentifier, connectionIdentifier: identifier }));
  assert.equal(endpoint.type, 'slack_user');
  assert.ok(!('endpoint' in endpoint));
  await given(client.channelEndpoints.delete({ identifier: endpoint.identifier }));
  await given(client.channelConnections.delete({ identifier: connection.identifier }));
  assert.equal(await refusal(client.channelConnections.get({ identifier })), 404);
  assert.deepEqual(slack.requests('/api/auth.revoke'), [], 'nobody vouched for the session');
});

fact('the deprecated way leads to the same places', async () => {
  const { subscriberId } = await make.subscriber();
  const client = novu(server, { subscriber: subscriberId });
  const team = unique('T');
  const connect = await given(client.channelConnections.generateOAuthUrl({ integrationIdentifier, connectionIdentifier: subscriberId }));
  await consent(connect.url, team);
  const link = await given(client.channelConnections.generateOAuthUrl({ integrationIdentifier, connectionIdentifier: subscriberId, mode: 'link_user' }));
  await consent(link.url, team);
  const endpoints = await given(client.channelEndpoints.list({ connectionIdentifier: subscriberId }));
  assert.deepEqual(endpoints.map(({ type }) => type), ['slack_user']);
});

fact('two tenants use one button, each for their own workspace', async () => {
  const identifier = unique('chconn-slack-default');
  const clients = {};
  for (const tenant of [unique('tenant'), unique('tenant')]) {
    const context = { tenant };
    const subscriber = unique('admin');
    clients[tenant] = novu(server, { subscriber, context, contextHash: contextHashOf(server, context) });
    const { channelConnections } = clients[tenant];
    const { url } = await given(channelConnections.generateConnectOAuthUrl({ integrationIdentifier, connectionIdentifier: identifier, connectionMode: 'shared' }));
    await consent(url, `W${tenant}`);
  }
  const found = {};
  for (const [tenant, client] of Object.entries(clients)) {
    found[tenant] = await given(client.channelConnections.get({ identifier, connectionMode: 'shared' }));
    assert.equal(found[tenant].workspace.id, `W${tenant}`);
    assert.deepEqual(ids(await given(client.channelConnections.list({ connectionIdentifier: identifier }))), [found[tenant].identifier]);
  }
  const [[, one], [other, two]] = Object.entries(found);
  assert.equal(one.identifier, identifier);
  assert.notEqual(two.identifier, identifier);
  // By its alias it can be linked to and be removed, and the first tenant keeps theirs.
  const link = await given(clients[other].channelEndpoints.generateLinkUserOAuthUrl({ integrationIdentifier, connectionIdentifier: identifier }));
  await consent(link.url, `W${other}`);
  const linked = await given(clients[other].channelEndpoints.list({ connectionIdentifier: identifier }));
  assert.deepEqual(linked.map(({ connectionIdentifier }) => connectionIdentifier), [two.identifier]);
  await given(clients[other].channelConnections.delete({ identifier }));
  assert.equal(await refusal(clients[other].channelConnections.get({ identifier })), 404);
  assertStatus(await api.get(`/v1/channel-connections/${one.identifier}`), 200);
});

fact('what is shared is changed only by whose context is vouched for, and the refusal says so', async () => {
  const subscriber = unique('subscriber');
  const context = { tenant: unique('tenant') };
  const shared = await make.connection({ integration, context, connectionMode: 'shared' });
  const stranger = await session(server, { subscriber, subscriberHash: hashOf(server, subscriber), context });
  const start = { integrationIdentifier, connectionMode: 'shared' };
  const told = /contextHash.*allowUnverifiedShared of integration/;
  assertStatus(await stranger.get(`${root}/${shared.identifier}`), 200);
  assertRefused(await stranger.post(`${root}/oauth`, start), 403, told);
  assertRefused(await stranger.post('/v1/inbox/chat/oauth', start), 403, told);
  assertRefused(await stranger.post(`${ends}/oauth`, { integrationIdentifier, connectionIdentifier: shared.identifier }), 403, told);
  assertRefused(await stranger.post(ends, { integrationIdentifier, connectionIdentifier: shared.identifier, type: 'slack_user', endpoint: { userId: 'U1' } }), 403, told);
  assertRefused(await stranger.delete(`${root}/${shared.identifier}`), 403, told);
  // A hash in the call itself counts, of the session's own context only.
  assertStatus(await stranger.post(`${root}/oauth`, { ...start, context, contextHash: contextHashOf(server, context) }), 201);
  const other = { tenant: 'other' };
  assertRefused(await stranger.post(`${root}/oauth`, { ...start, context: other, contextHash: contextHashOf(server, other) }), 403, told);
  // The integration may say otherwise.
  assertStatus(await stranger.post(`${root}/oauth`, { ...start, integrationIdentifier: lenient.identifier }), 201);
  const contextless = await session(server, { subscriber });
  assertRefused(await contextless.post(`${root}/oauth`, start), 400, 'context is required when connectionMode is "shared"');
  const vouched = await session(server, { subscriber, context, contextHash: contextHashOf(server, context) });
  assertStatus(await vouched.delete(`${root}/${shared.identifier}`), 204);
});

fact('the vendor is told of a disconnect from whom somebody vouches for', async () => {
  const subscriberId = unique('subscriber');
  const ann = await session(server, { subscriber: subscriberId, subscriberHash: hashOf(server, subscriberId) });
  const { url } = dataOf(await ann.post(`${root}/oauth`, { integrationIdentifier, connectionIdentifier: subscriberId }), 201);
  const team = unique('T');
  await consent(url, team);
  assertStatus(await ann.delete(`${root}/${subscriberId}`), 204);
  const told = () => slack.requests('/api/auth.revoke').map(({ headers }) => headers.authorization);
  await eventually(() => assert.ok(told().includes(`Bearer xoxb-${team}`), told().join()));
});

fact('a subscriber makes, sees and removes endpoints of their own', async () => {
  const [ann, bob] = [await make.subscriber(), await make.subscriber()];
  const webhook = await make.integration({ providerId: 'chat-webhook' });
  const client = novu(server, { subscriber: ann.subscriberId });
  const made = await given(client.channelEndpoints.create({ integrationIdentifier: webhook.identifier, subscriberId: bob.subscriberId, type: 'webhook', endpoint: { url: 'https://hooks.example.com/secret' } }));
  assert.equal(made.type, 'webhook');
  assert.deepEqual((await given(client.channelEndpoints.get({ identifier: made.identifier }))).identifier, made.identifier);
  const stored = dataOf(await api.get(`/v1/channel-endpoints/${made.identifier}`));
  assert.deepEqual([stored.subscriberId, stored.endpoint.url], [ann.subscriberId, 'https://hooks.example.com/secret']);
  const other = novu(server, { subscriber: bob.subscriberId });
  assert.deepEqual(await given(other.channelEndpoints.list()), []);
  assert.equal(await refusal(other.channelEndpoints.get({ identifier: made.identifier })), 404);
  assert.equal(await refusal(other.channelEndpoints.delete({ identifier: made.identifier })), 404);
  const elsewhere = novu(server, { subscriber: ann.subscriberId, context: { tenant: 'acme' } });
  assert.equal(await refusal(elsewhere.channelEndpoints.get({ identifier: made.identifier })), 404);
  const bobs = await make.connection({ integration, subscriber: bob });
  const raw = await session(server, { subscriber: ann.subscriberId });
  assertRefused(await raw.post(ends, { integrationIdentifier, connectionIdentifier: bobs.identifier, type: 'slack_channel', endpoint: { channelId: 'C1' } }), 404, `Channel connection not found: ${bobs.identifier}`);
  assertInvalid(await raw.post(ends, { integrationIdentifier, type: 'nonsense', endpoint: {} }), /^type must be one of/);
  await given(client.channelEndpoints.delete({ identifier: made.identifier }));
  assert.equal(await refusal(client.channelEndpoints.get({ identifier: made.identifier })), 404);
});

fact('Telegram’s bot is started with a code of the session’s subscriber', async () => {
  const bot = await make.integration({ providerId: 'telegram', credentials: { apiToken: '1:abc' } });
  const client = novu(server, { subscriber: unique('subscriber') });
  const { url, providerMetadata } = await given(client.channelEndpoints.link({ integrationIdentifier: bot.identifier }));
  assert.match(url, /^https:\/\/t\.me\/MyBot\?start=\w{32}$/);
  assert.equal(providerMetadata.botUsername, 'MyBot');
});

if (!onPostgres) {
  fact('in dev mode a session needs no hash for what is shared', async () => {
    const dev = await startServer({ args: ['--dev'] });
    try {
      const there = world(dev);
      const one = await there.integration({ credentials });
      const ann = await session(dev, { subscriber: 'ann', context: { tenant: 'acme' } });
      assertStatus(await ann.post(`${root}/oauth`, { integrationIdentifier: one.identifier, connectionMode: 'shared' }), 201);
      assertRefused(await http(dev).get(root), 401);
    } finally {
      await dev.stop();
    }
  });
}
