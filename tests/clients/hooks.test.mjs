// What vendors tell us: proven to be theirs, told once, applied to every environment of the organization.
import assert from 'node:assert/strict';
import { createHmac, createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { finished, reaches } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertRefused, dataOf } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startReceiver();
after(() => slack.stop());
const bot = await startReceiver();
after(() => bot.stop());
const login = await startReceiver();
after(() => login.stop());
const telegram = await startReceiver();
after(() => telegram.stop());
const server = await startServer({
  settings: {
    CAMPANILE_PROVIDERS__TELEGRAM__BASE_URL: telegram.url,
    CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url,
    CAMPANILE_PROVIDERS__MSTEAMS__BOT_URL: bot.url,
    CAMPANILE_PROVIDERS__MSTEAMS__LOGIN_URL: login.url,
    // Wrong calls are what this file is about; each test comes from an address of its own.
    CAMPANILE_TRUSTED_PROXIES: '127.0.0.0/8',
  },
});
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });

const postsMessages = { body: { ok: true, channel: 'C1', ts: '1.1' } };
slack.answers('/api/chat.postMessage', postsMessages);

const signingSecret = 'the secret that signs';
const clientId = '111.222';
const slackCredentials = { clientId, signingSecret, secretKey: 'x', applicationId: 'A1' };
const integration = await make.integration({ credentials: slackCredentials });
const sister = await production.integration({ credentials: { ...slackCredentials, signingSecret: 'another' } });
const stranger = await make.integration({ credentials: { ...slackCredentials, clientId: '333.444' } });

let addresses = 0;
const seconds = () => Math.floor(Date.now() / 1000);

/** Posts to the integration's hook from an address of its own. */
function hook(id, body, headers = {}, address = `10.0.${(addresses += 1) >> 8}.${addresses & 255}`) {
  return fetch(`${server.url}/v1/integrations/${id}/hooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': address, ...headers },
    body,
  });
}

function signed(body, { at = seconds(), secret = signingSecret } = {}) {
  const signature = createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex');
  return { 'x-slack-request-timestamp': `${at}`, 'x-slack-signature': `v0=${signature}` };
}

const slackEvent = (event, rest = {}) =>
  JSON.stringify({ type: 'event_callback', team_id: 'T0001', event_id: unique('Ev'), event_time: seconds(), event, ...rest });

async function tell(event, rest, options) {
  const body = slackEvent(event, rest);
  const response = await hook(integration._id, body, signed(body, options));
  assert.equal(response.status, 200, await response.text());
  return body;
}

const connectionNamed = async (of, { identifier }) => dataOf(await of.get(`/v1/channel-connections/${identifier}`));
const healthOf = async (connection, of = api) => (await connectionNamed(of, connection)).health;
const endpointHealth = async ({ identifier }) => dataOf(await api.get(`/v1/channel-endpoints/${identifier}`)).health;

async function connected(team = 'T0001', of = make, on = integration, rest = {}) {
  const subscriber = await of.subscriber();
  const connection = await of.connection({ integration: on, subscriber, workspace: { id: team }, ...rest });
  return { subscriber, connection };
}

fact('Slack verifies the address', async () => {
  const body = JSON.stringify({ type: 'url_verification', challenge: 'abc', token: 'old' });
  const response = await hook(integration._id, body, signed(body));
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { challenge: 'abc' });
});

fact('calls that are forged, stale or for nobody are answered alike and change nothing', async () => {
  const { connection } = await connected('T-forged');
  const body = slackEvent({ type: 'app_uninstalled' }, { team_id: 'T-forged' });
  const good = signed(body);
  const table = [
    [integration._id, {}],
    [integration._id, signed(body, { secret: 'guessed' })],
    [integration._id, signed(body, { at: seconds() - 3600 })],
    [integration._id, signed(body, { at: seconds() + 3600 })],
    [integration._id, { ...good, 'x-slack-signature': good['x-slack-signature'].replace('v0=', 'v1=') }],
    [integration._id, signed(`${body} `)],
    [stranger._id, signed(body, { secret: '' })],
    ['0123456789abcdef01234567', good],
    ['no-id', good],
    [sister._id, good],
  ];
  const texts = new Set();
  for (const [id, headers] of table) {
    const response = await hook(id, body, headers);
    assert.equal(response.status, 401, `${id} ${JSON.stringify(headers)}`);
    texts.add((await response.json()).message);
  }
  assert.equal(texts.size, 1);
  assert.equal((await healthOf(connection)).status, 'active');
});

fact('an app that was removed is seen in every environment, by its own workspace and app only', async () => {
  const { connection } = await connected('T-gone');
  const { connection: alsoGone } = await connected('T-gone', production, sister);
  const { connection: elsewhere } = await connected('T-stays');
  const { connection: ofAnotherApp } = await connected('T-gone', make, stranger);
  const started = Date.now();
  await tell({ type: 'app_uninstalled' }, { team_id: 'T-gone' });
  const health = await healthOf(connection);
  assert.ok(Date.now() - started < 5000);
  assert.equal(health.status, 'revoked');
  assert.match(health.reason, /removed/);
  assert.equal((await healthOf(alsoGone, production.api)).status, 'revoked');
  assert.equal((await healthOf(elsewhere)).status, 'active');
  assert.equal((await healthOf(ofAnotherApp)).status, 'active');
});

fact('an event that is replayed after the reconnect changes nothing', async () => {
  const { connection } = await connected('T-replay');
  const body = slackEvent({ type: 'app_uninstalled' }, { team_id: 'T-replay' });
  const headers = signed(body);
  assert.equal((await hook(integration._id, body, headers)).status, 200);
  assert.equal((await healthOf(connection)).status, 'revoked');
  const auth = { accessToken: unique('xoxb-new') };
  dataOf(await api.patch(`/v1/channel-connections/${connection.identifier}`, { workspace: { id: 'T-replay' }, auth }));
  assert.equal((await hook(integration._id, body, headers)).status, 200);
  assert.equal((await healthOf(connection)).status, 'active');
});

fact('an event from before the reconnect does not judge the new tokens: Slack is asked about them', async () => {
  const { connection } = await connected('T-late');
  slack.answers('/api/auth.test', { body: { ok: true }, headers: { 'x-oauth-scopes': 'chat:write' } });
  await tell({ type: 'app_uninstalled' }, { team_id: 'T-late', event_time: seconds() - 3600 });
  await eventually(async () => {
    const health = await healthOf(connection);
    assert.deepEqual([health.status, health.scopes], ['active', ['chat:write']]);
  });
});

fact('revoked tokens of users are asked about, those of the bot are gone', async () => {
  const { connection } = await connected('T-tokens');
  slack.answers('/api/auth.test', { body: { ok: true }, headers: { 'x-oauth-scopes': 'chat:write' } });
  await tell({ type: 'tokens_revoked', tokens: { oauth: ['U1'], bot: [] } }, { team_id: 'T-tokens' });
  await eventually(async () => assert.deepEqual((await healthOf(connection)).scopes, ['chat:write']));
  assert.equal((await healthOf(connection)).status, 'active');
  await tell({ type: 'tokens_revoked', tokens: { oauth: [], bot: ['U2'] } }, { team_id: 'T-tokens' });
  assert.equal((await healthOf(connection)).status, 'revoked');
});

fact('channels that are archived, left or deleted break their endpoints only, and mend with them', async () => {
  const { subscriber, connection } = await connected('T-channels');
  const endpoint = (channelId) => make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId } });
  const [archived, left, other] = [await endpoint('C-A'), await endpoint('C-L'), await endpoint('C-O')];
  const authorizations = [{ team_id: 'T-channels', user_id: 'UBOT', is_bot: true }];
  const rest = { team_id: 'T-channels', authorizations };
  await tell({ type: 'channel_archive', channel: 'C-A', user: 'U1' }, rest);
  await tell({ type: 'member_left_channel', channel: 'C-L', user: 'UBOT' }, rest);
  await tell({ type: 'member_left_channel', channel: 'C-O', user: 'U1' }, rest);
  await tell({ type: 'channel_archive', channel: 'C-O' }, { ...rest, team_id: 'T-elsewhere', authorizations: [] });
  assert.match((await endpointHealth(archived)).reason, /archived/);
  assert.deepEqual(
    await Promise.all([archived, left, other].map(async (each) => (await endpointHealth(each)).status)),
    ['broken', 'broken', 'active'],
  );
  await tell({ type: 'channel_unarchive', channel: 'C-A' }, rest);
  await tell({ type: 'channel_unarchive', channel: 'C-L' }, rest);
  assert.equal((await endpointHealth(archived)).status, 'active');
  assert.equal((await endpointHealth(left)).status, 'broken', 'it was not archived');
  await tell({ type: 'member_joined_channel', channel: 'C-L', user: 'UBOT' }, rest);
  assert.equal((await endpointHealth(left)).status, 'active');
  assert.equal((await healthOf(connection)).status, 'active');
});

fact('a token killed at Slack shows within five seconds of the next send, and what waited goes out after the reconnect', async () => {
  const { subscriber, connection } = await connected('T-story');
  await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: 'C-STORY' } });
  slack.answers('/api/chat.postMessage', { body: { ok: false, error: 'token_revoked' } });
  const started = Date.now();
  const event = await make.trigger(await make.workflow(), subscriber);
  const held = await reaches(api, event, ['delayed']);
  assert.match(held.details.join('\n'), /held until the channel connection is reconnected/);
  const health = await healthOf(connection);
  assert.ok(Date.now() - started < 5000, `${Date.now() - started} ms`);
  assert.equal(health.status, 'revoked');
  slack.answers('/api/chat.postMessage', postsMessages);
  const auth = { accessToken: unique('xoxb-new') };
  dataOf(await api.patch(`/v1/channel-connections/${connection.identifier}`, { workspace: { id: 'T-story' }, auth }));
  const [{ statuses }] = await finished(api, event);
  assert.deepEqual(statuses, ['completed']);
  assert.equal((await healthOf(connection)).status, 'active');
});

fact('a check asks Slack at once, once for all who ask together, and tells what is missing', async () => {
  const { connection } = await connected('T-check');
  const check = () => api.post(`/v1/channel-connections/${connection.identifier}/check`, {});
  slack.answers('/api/auth.test', { body: { ok: true }, headers: { 'x-oauth-scopes': 'users:read' } });
  const before = slack.requests('/api/auth.test').length;
  const answers = await Promise.all(Array.from({ length: 5 }, check));
  for (const answer of answers) {
    const { health } = dataOf(answer);
    assert.deepEqual([health.status, health.scopes, health.missingScopes], ['degraded', ['users:read'], ['chat:write']]);
  }
  assert.equal(slack.requests('/api/auth.test').length - before, 1);
  slack.answers('/api/auth.test', { body: { ok: true }, headers: { 'x-oauth-scopes': 'users:read,chat:write' } });
  const mended = await eventually(async () => {
    const { health } = dataOf(await check());
    assert.equal(health.status, 'active');
    return health;
  });
  assert.equal(mended.missingScopes, undefined);
  slack.answers('/api/auth.test', { body: { ok: false, error: 'account_inactive' } });
  await eventually(async () => assert.equal(dataOf(await check()).health.status, 'revoked'));
  assertRefused(await api.post('/v1/channel-connections/nobody/check', {}), 404);
});

fact('lists are narrowed to each state', async () => {
  const states = ['active', 'expiring', 'degraded', 'needs_reauth', 'revoked', 'broken'];
  for (const path of ['/v1/channel-connections', '/v1/channel-endpoints']) {
    const all = (await api.get(`${path}?limit=100`)).body.data;
    for (const status of states) {
      const listed = (await api.get(`${path}?limit=100&healthStatus=${status}`)).body.data;
      const expected = all.filter(({ health }) => health.status === status).map(({ identifier }) => identifier);
      assert.deepEqual(listed.map(({ identifier }) => identifier).sort(), expected.sort(), `${path} ${status}`);
    }
    assert.equal((await api.get(`${path}?healthStatus=ill`)).status, 422);
  }
});

fact('an address that guesses is slowed down; calls that are proven are not', async () => {
  const statuses = [];
  for (let call = 0; call < 40; call += 1) statuses.push((await hook(integration._id, '{}', {}, '192.0.2.1')).status);
  assert.ok(statuses.slice(0, 30).every((status) => status === 401), `${statuses}`);
  assert.ok(statuses.includes(429), `${statuses}`);
  const body = JSON.stringify({ type: 'url_verification', challenge: 'abc' });
  assert.equal((await hook(integration._id, body, signed(body), '192.0.2.1')).status, 200);
});

// Microsoft Teams ---------------------------------------------------------------------------------------------------

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const others = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = (pair, kid, endorsements) => ({ ...pair.publicKey.export({ format: 'jwk' }), kid, use: 'sig', endorsements });
bot.answers('/v1/.well-known/openidconfiguration', {
  body: { issuer: 'https://api.botframework.com', jwks_uri: 'https://login.botframework.com/v1/.well-known/keys' },
});
bot.answers('/v1/.well-known/keys', {
  body: { keys: [jwk(keys, 'good', ['msteams']), jwk(others, 'unendorsed', ['webchat'])] },
});

const appId = randomUUID();
const teams = await make.integration({
  providerId: 'msteams',
  credentials: { clientId: appId, secretKey: 'x', tenantId: randomUUID() },
});
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function botToken(activity, claims = {}, { kid = 'good', key = keys.privateKey, alg = 'RS256' } = {}) {
  const payload = {
    iss: 'https://api.botframework.com', aud: appId, nbf: seconds() - 10, exp: seconds() + 3600, serviceurl: activity.serviceUrl, ...claims,
  };
  const text = `${part({ alg, typ: 'JWT', kid })}.${part(payload)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key).toString('base64url')}`;
}

const activityOf = (tenant, rest = {}) => ({
  id: unique('activity'),
  channelId: 'msteams',
  serviceUrl: `${bot.url}/emea/`,
  recipient: { id: `28:${appId}` },
  conversation: { id: unique('19:conversation'), tenantId: tenant },
  channelData: { tenant: { id: tenant } },
  ...rest,
});
const tellTeams = (activity, token = botToken(activity)) =>
  hook(teams._id, JSON.stringify(activity), { authorization: `Bearer ${token}` });

async function inTeams() {
  const tenant = randomUUID();
  const user = randomUUID();
  const subscriber = await make.subscriber();
  const connection = await make.connection({
    integration: teams, subscriber, workspace: { id: tenant }, auth: { accessToken: 'app-only' },
  });
  const channel = await make.endpoint({
    integration: teams, subscriber, connection, type: 'ms_teams_channel', endpoint: { teamId: '19:team', channelId: '19:general' },
  });
  const person = await make.endpoint({
    integration: teams, subscriber, connection, type: 'ms_teams_user', endpoint: { userId: user },
  });
  return { tenant, user, channel, person, connection };
}

const removedFromTeam = (tenant) =>
  activityOf(tenant, {
    type: 'installationUpdate',
    action: 'remove',
    channelData: { tenant: { id: tenant }, team: { id: '19:team' } },
  });

fact('an app that is removed from a team breaks its channels, and mends them when it is back', async () => {
  const { tenant, user, channel, person } = await inTeams();
  assert.equal((await tellTeams(removedFromTeam(tenant))).status, 200);
  assert.match((await endpointHealth(channel)).reason, /removed from this team/);
  assert.equal((await endpointHealth(person)).status, 'active');
  assert.equal((await tellTeams({ ...removedFromTeam(tenant), action: 'add' })).status, 200);
  assert.equal((await endpointHealth(channel)).status, 'active');
  const personal = { conversation: { id: 'a:1', conversationType: 'personal', tenantId: tenant }, from: { id: '29:x', aadObjectId: user } };
  assert.equal((await tellTeams(activityOf(tenant, { type: 'installationUpdate', action: 'remove', ...personal }))).status, 200);
  assert.equal((await endpointHealth(person)).status, 'broken');
  const removed = activityOf(tenant, {
    type: 'conversationUpdate',
    membersRemoved: [{ id: `28:${appId}` }],
    channelData: { tenant: { id: tenant }, team: { id: '19:team' }, eventType: 'teamMemberRemoved' },
  });
  assert.equal((await tellTeams({ ...removed, membersRemoved: [{ id: '29:somebody' }] })).status, 200);
  assert.equal((await endpointHealth(channel)).status, 'active');
  assert.equal((await tellTeams({ ...removed, id: unique('activity') })).status, 200);
  assert.equal((await endpointHealth(channel)).status, 'broken');
});

fact('activities with a wrong token change nothing', async () => {
  const { tenant, channel } = await inTeams();
  const activity = removedFromTeam(tenant);
  const now = seconds();
  const elsewhere = { ...activity, serviceUrl: 'https://evil.example/' };
  const table = [
    [activity, ''],
    [activity, 'a.b.c'],
    [activity, botToken(activity, { aud: randomUUID() })],
    [activity, botToken(activity, { iss: 'https://evil.example' })],
    [activity, botToken(activity, { exp: now - 3600 })],
    [activity, botToken(activity, { nbf: now + 3600 })],
    [activity, botToken(activity, { serviceurl: `${bot.url}/amer/` })],
    [activity, botToken(activity, { serviceurl: undefined })],
    [elsewhere, botToken(elsewhere)],
    [activity, botToken(activity, {}, { key: others.privateKey })],
    [activity, botToken(activity, {}, { kid: 'unendorsed', key: others.privateKey })],
    [activity, botToken(activity, {}, { kid: 'invented' })],
    [activity, botToken(activity, {}, { alg: 'none' })],
  ];
  for (const [told, token] of table) assert.equal((await tellTeams(told, token)).status, 401, token);
  assert.equal((await endpointHealth(channel)).status, 'active');
  assert.equal(bot.requests('/v1/.well-known/keys').length, 1, 'invented keys do not make us fetch again and again');
  assert.equal((await tellTeams(activity)).status, 200);
  assert.equal((await endpointHealth(channel)).status, 'broken');
});

fact('credentials that Microsoft refuses show on the integration, and a secret that ends soon too', async () => {
  const { connection } = await inTeams();
  const listed = async ({ identifier }) =>
    dataOf(await api.get('/v1/integrations')).find((each) => each.identifier === identifier);
  const refusal = { status: 401, body: { error: 'invalid_client', error_codes: [7000222], error_description: 'expired' } };
  login.answers(`/${connection.workspace.id}/oauth2/v2.0/token`, refusal);
  const { health } = dataOf(await api.post(`/v1/channel-connections/${connection.identifier}/check`, {}));
  assert.equal(health.status, 'active', 'the customer is not to blame');
  const refused = (await listed(teams)).health;
  assert.equal(refused.status, 'degraded');
  assert.match(refused.reason, /secret/);
  const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
  const soon = await make.integration({
    providerId: 'msteams',
    credentials: { clientId: randomUUID(), secretKey: 'x', tenantId: randomUUID(), secretExpiresAt: inDays(20) },
  });
  assert.equal((await listed(soon)).health.status, 'expiring');
  const fine = await make.integration({
    providerId: 'msteams',
    credentials: { clientId: randomUUID(), secretKey: 'x', tenantId: randomUUID(), secretExpiresAt: inDays(200) },
  });
  assert.equal((await listed(fine)).health.status, 'active');
});

fact('a grant that ends soon and cannot renew itself is expiring, and sending does not hide it', async () => {
  const soon = new Date(Date.now() + 3 * 86_400_000).toISOString();
  const { connection } = await connected('T-ends', make, integration, { auth: { accessToken: unique('xoxb'), expiresAt: soon } });
  slack.answers('/api/auth.test', { body: { ok: true }, headers: { 'x-oauth-scopes': 'chat:write' } });
  await eventually(async () => assert.equal((await healthOf(connection)).status, 'expiring'));
  const { health } = dataOf(await api.post(`/v1/channel-connections/${connection.identifier}/check`, {}));
  assert.deepEqual([health.status, health.expiresAt], ['expiring', soon]);
});

fact('a Telegram bot that is started with its code links the chat, and says so there', async () => {
  telegram.answers('/bot7:token/getMe', { body: { ok: true, result: { id: 7, is_bot: true, username: 'MyBot' } } });
  telegram.answers('/bot7:token/setWebhook', { body: { ok: true, result: true } });
  const bot = await make.integration({ providerId: 'telegram', credentials: { apiToken: '7:token' } });
  const { subscriberId } = await make.subscriber();
  const link = async () => {
    const body = { integrationIdentifier: bot.identifier, subscriberId };
    return new URL(dataOf(await api.post('/v1/integrations/channel-endpoints/link', body)).url).searchParams.get('start');
  };
  const code = await link();
  const [told] = telegram.requests('/bot7:token/setWebhook');
  assert.equal(told.json.url, `${server.url}/v1/integrations/${bot._id}/hooks`);
  const secret = told.json.secret_token;
  assert.match(secret, /^[A-Za-z0-9_-]{32,256}$/);
  const update = (update_id, rest) => JSON.stringify({ update_id, ...rest });
  const start = (id, text) => update(id, { message: { text, chat: { id: 4711, type: 'private' } } });
  const send = (body, token = secret) => hook(bot._id, body, { 'x-telegram-bot-api-secret-token': token });
  assert.equal((await send(start(1, `/start ${code}`), 'guess')).status, 401);
  const endpoints = async () => dataOf(await api.get(`/v1/channel-endpoints?subscriberId=${subscriberId}`));
  assert.equal((await endpoints()).length, 0);
  const answer = await (await send(start(2, `/start ${code}`))).json();
  assert.deepEqual([answer.method, answer.chat_id], ['sendMessage', 4711]);
  assert.match(answer.text, /connected/);
  const [endpoint] = await endpoints();
  assert.deepEqual([endpoint.type, endpoint.endpoint], ['telegram_chat', { chatId: '4711' }]);
  assert.match((await (await send(start(3, '/start 00000000000000000000000000000000'))).json()).text, /does not work/);
  assert.deepEqual(await (await send(start(4, 'hello'))).json(), {});
  const chat = { id: 4711, type: 'private' };
  await send(update(5, { my_chat_member: { chat, new_chat_member: { status: 'kicked' } } }));
  assert.equal((await endpointHealth(endpoint)).status, 'broken');
  assert.equal((await endpoints()).length, 1);
});
