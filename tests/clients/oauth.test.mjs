// Consent as official clients and browsers see it: the links, Slack's consent page, the way back, and what comes of it.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { startSlackEmulator } from './harness/emulator.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf, http } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startSlackEmulator();
after(() => slack.stop());
const telegram = await startReceiver();
after(() => telegram.stop());
const server = await startServer({
  settings: {
    CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url,
    CAMPANILE_PROVIDERS__TELEGRAM__BASE_URL: telegram.url,
  },
});
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });
const novu = sdk(server);
const environment = dataOf(await api.get('/v1/environments/me'));
const credentials = { applicationId: 'A1', clientId: '1.2', secretKey: 'canary-secret', signingSecret: 's' };
const integration = await make.integration({ credentials });
const callback = '/v1/integrations/chat/oauth/callback';
const paths = ['channel-connections/oauth', 'channel-endpoints/oauth', 'chat/oauth'].map((path) => `/v1/integrations/${path}`);

const anybody = http(server, { secretKey: 'nobody' });
const browser = { accept: 'text/html,application/xhtml+xml' };

/** What the person does on Slack's page: they choose who they are. Gives where Slack sends the browser. */
async function consent(link, user = 'U000000001') {
  const page = await fetch(link);
  assert.equal(page.status, 200);
  const fields = Object.fromEntries(new URL(link).searchParams);
  const response = await fetch(`${slack.url}/oauth/v2/authorize/callback`, {
    method: 'POST', redirect: 'manual', body: new URLSearchParams({ ...fields, user_id: user }),
  });
  assert.equal(response.status, 302);
  return response.headers.get('location');
}

/** What the bot of a token and a user have told each other. */
async function directMessages(token, user) {
  const call = async (method, fields) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${slack.url}/api/${method}`, { method: 'POST', headers, body: new URLSearchParams(fields) })).json();
  };
  const { channel } = await call('conversations.open', { users: user });
  return (await call('conversations.history', { channel: channel.id })).messages;
}

const pathOf = (url) => url.slice(server.url.length);
const comeBack = async (link, user) => anybody.get(pathOf(await consent(link, user)), browser);
const generate = async (body, path = paths[0]) => dataOf(await api.post(path, body), 201).url;

fact('a customer consents, a channel is chosen, a message arrives', covers('IntegrationsController_generateConnectOAuthUrl'), async () => {
  const { subscriberId } = await make.subscriber();
  const context = { tenant: unique('tenant') };
  const identifier = unique('connection');
  const { result } = await novu.integrations.generateConnectOAuthUrl({
    integrationIdentifier: integration.identifier, connectionIdentifier: identifier, subscriberId, context,
  });
  const link = new URL(result.url);
  assert.equal(link.origin + link.pathname, `${slack.url}/oauth/v2/authorize`);
  assert.equal(link.searchParams.get('redirect_uri'), server.url + callback);
  assert.equal(link.searchParams.get('scope'), 'chat:write,chat:write.public,channels:read,groups:read,users:read,users:read.email');
  const page = assertStatus(await comeBack(result.url), 200);
  assert.match(page.headers.get('content-type'), /^text\/html/);
  assert.match(page.text, /<title>Connection complete<\/title>/);
  assert.match(page.text, /data-state="success"/);
  assert.doesNotMatch(page.text, /<script/);

  const connection = dataOf(await api.get(`/v1/channel-connections/${identifier}`));
  assert.match(connection.auth.accessToken, /^xoxb-/);
  assert.equal(connection.health.status, 'active');
  assert.ok(page.text.includes(connection.workspace.name), 'the page names the workspace');
  assert.deepEqual([connection.subscriberId, connection.contextKeys], [subscriberId, [`tenant:${context.tenant}`]]);

  await make.endpoint({
    integration, subscriber: { subscriberId }, connection, context, type: 'slack_channel', endpoint: { channelId: slack.channels.general },
  });
  const text = unique('text');
  const event = await make.trigger(await make.workflow({ bodies: ['{{payload.text}}'] }), subscriberId, { context, payload: { text } });
  await finished(api, event);
  assert.equal((await slack.messages(slack.channels.general)).filter((message) => message.text === text).length, 1);
});

fact('a subscriber links their own user, and is told in a direct message', covers('IntegrationsController_generateLinkUserOAuthUrl'), async () => {
  const subscriber = await make.subscriber();
  const body = { integrationIdentifier: integration.identifier, subscriberId: subscriber.subscriberId };
  await comeBack(await generate({ ...body, autoLinkUser: false }));
  const { result } = await novu.integrations.generateLinkUserOAuthUrl(body);
  assert.equal(new URL(result.url).searchParams.get('user_scope'), 'identity.basic');
  assert.match((await comeBack(result.url, slack.users.dana)).text, /Your account is linked/);
  const { data } = assertStatus(await api.get(`/v1/channel-endpoints?subscriberId=${subscriber.subscriberId}`), 200).body;
  assert.deepEqual(data.map(({ type, endpoint }) => [type, endpoint]), [['slack_user', { userId: slack.users.dana }]]);
  const text = unique('text');
  await finished(api, await make.trigger(await make.workflow({ bodies: ['{{payload.text}}'] }), subscriber, { payload: { text } }));
  const { data: [connection] } = (await api.get(`/v1/channel-connections?subscriberId=${subscriber.subscriberId}`)).body;
  const { auth } = dataOf(await api.get(`/v1/channel-connections/${connection.identifier}`));
  assert.equal((await directMessages(auth.accessToken, slack.users.dana)).filter((message) => message.text === text).length, 1);
});

fact('the deprecated route makes both links', covers('IntegrationsController_getChatOAuthUrl'), async () => {
  const { subscriberId } = await make.subscriber();
  const body = { integrationIdentifier: integration.identifier, subscriberId };
  const connect = new URL((await novu.integrations.generateChatOAuthUrl(body)).result.url);
  assert.ok(connect.searchParams.has('scope') && !connect.searchParams.has('user_scope'));
  const link = new URL((await novu.integrations.generateChatOAuthUrl({ ...body, mode: 'link_user', userScope: ['identity.basic', 'identity.email'] })).result.url);
  assert.equal(link.searchParams.get('user_scope'), 'identity.basic,identity.email');
  const alone = dataOf(await api.post(paths[2], { ...body, scope: ['chat:write'] }), 201);
  assert.equal(new URL(alone.url).searchParams.get('scope'), 'chat:write');
  assertRefused(await api.post(paths[2], { integrationIdentifier: integration.identifier, mode: 'link_user' }), 400, 'subscriberId is required for link_user mode');
});

fact('a bot is started with a one-time code', covers('IntegrationsController_linkChannelEndpoint'), async () => {
  telegram.answers('/bot1:token/getMe', { body: { ok: true, result: { id: 1, is_bot: true, username: 'MyBot' } } });
  const bot = await make.integration({ providerId: 'telegram', credentials: { apiToken: '1:token' } });
  const { subscriberId } = await make.subscriber();
  const { result } = await novu.integrations.linkChannelEndpoint({ integrationIdentifier: bot.identifier, subscriberId });
  assert.match(result.url, /^https:\/\/t\.me\/MyBot\?start=[0-9a-f]{32}$/);
  assert.equal(result.providerMetadata.botUsername, 'MyBot');
  const left = new Date(result.providerMetadata.expiresAt) - Date.now();
  assert.ok(left > 0 && left <= 600_000, `${left} ms are left`);
  assertRefused(
    await api.post('/v1/integrations/channel-endpoints/link', { integrationIdentifier: integration.identifier, subscriberId }),
    400, /does not support subscriber chat linking/,
  );
});

fact('an Idempotency-Key gives the same link again', async () => {
  const { subscriberId } = await make.subscriber();
  const body = { integrationIdentifier: integration.identifier, subscriberId };
  const headers = { 'idempotency-key': unique('key') };
  const [first, second] = [await api.post(paths[0], body, headers), await api.post(paths[0], body, headers)];
  assert.equal(dataOf(first, 201).url, dataOf(second, 201).url);
});

fact('what is missing is told', async () => {
  const { subscriberId } = await make.subscriber();
  const unknown = { integrationIdentifier: 'nowhere', subscriberId };
  for (const path of paths) {
    assertInvalid(await api.post(path, { subscriberId }), /^integrationIdentifier /);
    assertRefused(await api.post(path, unknown), 404, `Integration not found: nowhere in environment ${environment._id}`);
  }
  const post = (change) => api.post(paths[0], { integrationIdentifier: integration.identifier, ...change });
  assertRefused(await post({}), 400, 'Either subscriberId or context must be provided');
  assertRefused(await post({ subscriberId: 'nobody' }), 404, 'Subscriber not found: nobody');
  assertRefused(await post({ subscriberId, connectionMode: 'shared' }), 400, 'context is required when connectionMode is "shared"');
  assertInvalid(await post({ subscriberId, scope: 'chat:write' }), /^scope /);
  assertInvalid(await post({ subscriberId, connectionMode: 'both' }), /^connectionMode /);
});

fact('a context may have to come with its hash', async () => {
  const guarded = await make.integration({ credentials: { ...credentials, hmac: true } });
  const context = { tenant: { id: 'acme', data: { b: 1, a: 'x' } }, app: 'one' };
  const hash = createHmac('sha256', server.keys.development)
    .update('{"app":"one","tenant":{"data":{"a":"x","b":1},"id":"acme"}}').digest('hex');
  const post = (change) => api.post(paths[0], { integrationIdentifier: guarded.identifier, context, ...change });
  assertRefused(await post({}), 400, 'A valid contextHash is required when HMAC validation is enabled.');
  assertRefused(await post({ contextHash: hash.replace(/^./, (c) => (c === '0' ? '1' : '0')) }), 400, 'Please provide a valid context HMAC hash');
  dataOf(await post({ contextHash: hash }), 201);
});

fact('a forged, replayed or foreign state connects nothing', async () => {
  const { subscriberId } = await make.subscriber();
  const identifier = unique('connection');
  const link = await generate({ integrationIdentifier: integration.identifier, subscriberId, connectionIdentifier: identifier });
  const back = pathOf(await consent(link));
  const state = new URL(link).searchParams.get('state');
  const json = Buffer.from(state, 'base64url').toString();
  const forged = Buffer.from(json.replace(environment._id, 'f'.repeat(24))).toString('base64url');
  const refused = assertStatus(await anybody.get(back.replace(state, forged)), 400);
  assert.match(refused.body.message, /^Invalid OAuth state parameter: it was not made by this server/);
  assert.equal(refused.body.path, `${callback}?code=***&state=***`, 'errors do not repeat codes and states');
  assertStatus(await api.get(`/v1/channel-connections/${identifier}`), 404);

  assertStatus(await anybody.get(back, browser), 200);
  const again = assertStatus(await anybody.get(back, browser), 400);
  assert.match(again.text, /[Tt]his link was used already/);
  assert.match(again.text, /data-state="error"/);
  assert.match(assertStatus(await anybody.get(back), 400).body.message, /used already/);
  assertStatus(await api.get(`/v1/channel-connections/${identifier}`), 200);
  assertStatus(await production.api.get(`/v1/channel-connections/${identifier}`), 404);
});

fact('a browser is sent home only where the integration says', async () => {
  const home = 'https://app.example/connected?from=slack';
  for (const [redirectUrl, expected] of [[home, home], ['javascript:alert(1)', undefined], ['//evil.example/', undefined]]) {
    const named = await make.integration({ credentials: { ...credentials, redirectUrl } });
    const { subscriberId } = await make.subscriber();
    const link = await generate({ integrationIdentifier: named.identifier, subscriberId });
    const back = pathOf(await consent(link));
    const answer = await anybody.get(`${back}&redirectUrl=https%3A%2F%2Fevil.example&redirect_uri=https%3A%2F%2Fevil.example`, browser);
    assert.equal(answer.status, expected ? 302 : 200);
    assert.equal(answer.headers.get('location') ?? undefined, expected);
  }
});

fact('pages run nothing, are kept nowhere, and say nothing that a link wants them to', async () => {
  const words = 'error=%3Cscript%3Ealert(1)%3C%2Fscript%3E&error_description=call%20%2B1%20555%20now';
  const page = assertStatus(await anybody.get(`${callback}?${words}`, browser), 400);
  assert.ok(!page.text.includes('<script') && !page.text.includes('555'));
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /script-src|unsafe/);
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  assert.equal(page.headers.get('cache-control'), 'no-store');
  assert.match(page.text, /prefers-color-scheme: dark/);
  assertRefused(await anybody.get(`${callback}?error=access_denied&error_description=no`), 400, 'OAuth error: access_denied - no');
  assertRefused(await anybody.get(callback), 400, 'Missing required OAuth parameter: state');
});
