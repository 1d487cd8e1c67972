// The hosted connect page in a real browser: by keyboard alone, in light and dark, on a phone.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { after } from 'node:test';
import { PHONE, enter, looksRight, says, startBrowser, tabOrder, tabTo } from './harness/browser.mjs';
import { fact } from './harness/contract.mjs';
import { startSlackEmulator } from './harness/emulator.mjs';
import { assertInvalid, assertRefused, dataOf } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startSlackEmulator();
after(() => slack.stop());

/** Stands before the emulator, which cannot take a token back: while `dead`, it does. */
const vendor = { dead: false };
const front = createServer((question, answer) => {
  if (vendor.dead && question.url.startsWith('/api/') && !question.url.startsWith('/api/oauth')) {
    question.resume();
    answer.setHeader('content-type', 'application/json');
    answer.end('{"ok":false,"error":"token_revoked"}');
    return;
  }
  const { hostname, port } = new URL(slack.url);
  const on = request({ hostname, port, path: question.url, method: question.method, headers: question.headers }, (back) => {
    answer.writeHead(back.statusCode, back.headers);
    back.pipe(answer);
  });
  on.on('error', () => answer.destroy());
  question.pipe(on);
});
await new Promise((resolve) => front.listen(0, '127.0.0.1', resolve));
after(() => front.close());

const server = await startServer({ settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: `http://127.0.0.1:${front.address().port}` } });
after(() => server.stop());
const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });

const browser = await startBrowser();
after(() => browser.close());

const credentials = { clientId: 'client', secretKey: 'secret' };
const integration = await make.integration({ credentials });
const root = '/v1/channel-connections';
const session = (change = {}) =>
  api.post(`${root}/sessions`, {
    integrationIdentifier: integration.identifier,
    appearance: { name: 'Acme Alerts', color: '#4A154B' },
    ...change,
  });
const link = async (change) => dataOf(await session(change), 201).url;

/** Agrees on the vendor's page. */
async function consent(page) {
  await page.waitForURL(/\/oauth\/v2\/authorize/);
  await page.getByRole('button').first().click();
  await page.waitForURL(/\/connect\//);
}

const endpointsOf = async (subscriber) => (await api.get(`/v1/channel-endpoints?subscriberId=${subscriber.subscriberId}`)).body.data;
const connectionsOf = async (subscriber) => (await api.get(`${root}?subscriberId=${subscriber.subscriberId}`)).body.data;

fact('somebody connects, chooses a channel, tests it and disconnects, with the keyboard alone', async () => {
  const subscriber = await make.subscriber();
  const page = await browser.newPage({ viewport: PHONE, javaScriptEnabled: false });
  await page.goto(await link({ subscriberId: subscriber.subscriberId, redirectUrl: 'https://app.example/settings' }));
  await page.getByRole('heading', { name: 'Connect Slack' }).waitFor();
  assert.equal(await page.getByText('Back to Acme Alerts').count(), 0, 'the way back is shown when all is well');
  await looksRight(page, 'slack-start');
  await tabTo(page, 'Connect Slack');
  await page.keyboard.press('Enter');
  await consent(page);
  await says(page, 'Connected.');
  const [connection] = await connectionsOf(subscriber);
  assert.equal(connection.health.status, 'active');
  await page.getByRole('heading', { name: connection.workspace.name }).waitFor();
  assert.equal(await page.getByText('Back to Acme Alerts').getAttribute('href'), 'https://app.example/settings');
  await looksRight(page, 'slack-connected');

  await tabTo(page, 'Search channels');
  await page.keyboard.type('rand');
  await enter(page);
  assert.equal(await page.getByRole('button', { name: '#general' }).count(), 0);
  await tabTo(page, '#random');
  await enter(page);
  await says(page, 'Chosen. Messages go there from now on.');
  const [endpoint] = await endpointsOf(subscriber);
  assert.deepEqual([endpoint.type, endpoint.endpoint, endpoint.connectionIdentifier], ['slack_channel', { channelId: slack.channels.random }, connection.identifier]);
  await looksRight(page, 'slack-chosen');

  const before = (await slack.messages(slack.channels.random)).length;
  await tabTo(page, 'Send a test message: #random');
  await enter(page);
  await says(page, 'The test message was sent.');
  assert.equal((await slack.messages(slack.channels.random)).length, before + 1);

  await tabTo(page, 'Remove: #random');
  await enter(page);
  await says(page, 'Removed.');
  assert.deepEqual(await endpointsOf(subscriber), []);

  await tabTo(page, 'Disconnect');
  await enter(page);
  await page.getByRole('heading', { name: `Disconnect ${connection.workspace.name}?` }).waitFor();
  assert.equal((await connectionsOf(subscriber)).length, 1, 'looking changes nothing');
  await looksRight(page, 'slack-disconnect');
  await tabTo(page, 'Disconnect');
  await enter(page);
  await says(page, 'Disconnected.');
  assert.deepEqual(await connectionsOf(subscriber), []);
  await page.close();
});

fact('a dead connection says so, and a link of its own mends it and nothing else', async () => {
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration, subscriber, workspace: { id: 'T0ELSEWHERE', name: 'Elsewhere' } });
  await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: slack.channels.general } });
  const health = async () => dataOf(await api.get(`${root}/${connection.identifier}`)).health;
  assert.equal((await health()).reconnectUrl, undefined);
  vendor.dead = true;
  await make.trigger(await make.workflow(), subscriber);
  await eventually(async () => assert.equal((await health()).status, 'revoked'));
  vendor.dead = false;
  const { reconnectUrl } = await health();
  assert.ok(reconnectUrl.startsWith(`${server.url}/connect/`));
  assert.equal((await health()).reconnectUrl, reconnectUrl, 'asking twice gives one link');

  const page = await browser.newPage({ viewport: PHONE });
  await page.goto(await link({ subscriberId: subscriber.subscriberId }));
  await says(page, 'Not working');
  await looksRight(page, 'slack-dead');
  await page.goto(reconnectUrl);
  await says(page, 'Not working');
  assert.equal(await page.getByRole('button').count(), 1, 'nothing but to reconnect');
  assert.equal(await page.getByRole('link').count(), 0);
  assert.equal((await fetch(`${reconnectUrl}/disconnect`)).status, 410);
  // The emulator's workspace is not the one that the connection has.
  await page.getByRole('button', { name: 'Reconnect Slack' }).click();
  await page.waitForURL(/\/oauth\/v2\/authorize/);
  await page.getByRole('button').first().click();
  await page.waitForURL(/oauth\/callback/);
  await says(page, 'Elsewhere');
  assert.equal((await health()).status, 'revoked');
  await page.close();
});

fact('a mended connection has used its link up', async () => {
  const subscriber = await make.subscriber();
  const { team_id: team } = await slack.call('auth.test');
  const connection = await make.connection({ integration, subscriber, workspace: { id: team, name: 'Home' } });
  await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: slack.channels.general } });
  const health = async () => dataOf(await api.get(`${root}/${connection.identifier}`)).health;
  vendor.dead = true;
  await make.trigger(await make.workflow(), subscriber);
  await eventually(async () => assert.equal((await health()).status, 'revoked'));
  vendor.dead = false;
  const { reconnectUrl } = await health();
  const page = await browser.newPage();
  await page.goto(reconnectUrl);
  await page.getByRole('button', { name: 'Reconnect Slack' }).click();
  await consent(page);
  await says(page, 'is connected');
  assert.equal((await health()).status, 'active');
  assert.equal((await health()).reconnectUrl, undefined);
  await page.close();
});

fact('the page works without scripts and keeps its address to itself', async () => {
  const { subscriberId } = await make.subscriber();
  const response = await fetch(await link({ subscriberId }));
  const html = await response.text();
  assert.ok(!html.includes('<script') && !/ on[a-z]+=/.test(html));
  const policy = response.headers.get('content-security-policy');
  for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) assert.ok(policy.includes(part), policy);
  assert.ok(!policy.includes('script-src') && !policy.includes('unsafe'));
  assert.equal(response.headers.get('referrer-policy'), 'no-referrer');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(response.headers.get('access-control-allow-origin'), null);
});

fact('what our user calls themselves stays text', async () => {
  const { subscriberId } = await make.subscriber();
  const html = await (await fetch(await link({ subscriberId, appearance: { name: '<img src=x onerror=alert(1)>"' } }))).text();
  assert.ok(html.includes('&lt;img src=x onerror=alert(1)&gt;&quot;') && !html.includes('<img'));
});

fact('forged, changed and ended links open nothing', async () => {
  const { subscriberId } = await make.subscriber();
  const url = await link({ subscriberId, expiresIn: 1 });
  const token = url.split('/').at(-1);
  const [payload, signature] = token.split('.');
  const read = JSON.parse(Buffer.from(payload, 'base64url'));
  const environment = dataOf(await production.api.get('/v1/environments/me'))._id;
  const other = Buffer.from(JSON.stringify({ ...read, e: environment })).toString('base64url');
  for (const forged of ['x', 'a.b', `${payload}.`, `.${signature}`, `${other}.${signature}`, `${payload}A.${signature}`]) {
    const response = await fetch(`${server.url}/connect/${forged}`);
    assert.equal(response.status, 404, forged);
    assert.match(await response.text(), /ask for a new one/);
  }
  await eventually(async () => assert.equal((await fetch(url)).status, 410));
  assert.match(await (await fetch(url)).text(), /This link has ended/);
  assert.ok(!server.output().includes(token), 'no log holds a link');
});

fact('forms are taken only from the page itself', async () => {
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration, subscriber });
  const url = await link({ subscriberId: subscriber.subscriberId });
  const keyOf = async (of) => /action="[^"]*\/disconnect"><input type="hidden" name="form" value="([^"]+)"/.exec(await (await fetch(`${of}/disconnect`)).text())[1];
  const key = await keyOf(url);
  const post = (action, fields, headers = {}) =>
    fetch(`${url}/${action}`, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields), headers });
  const another = await make.subscriber();
  const theirs = await make.connection({ integration, subscriber: another });
  const keyOfAnother = await keyOf(await link({ subscriberId: another.subscriberId }));
  for (const [fields, headers] of [
    [{}, {}],
    [{ form: 'x' }, {}],
    [{ form: keyOfAnother }, {}],
    [{ form: key }, { origin: 'https://evil.example' }],
    [{ form: key }, { 'sec-fetch-site': 'cross-site' }],
  ]) {
    assert.equal((await post('disconnect', fields, headers)).status, 403, JSON.stringify([fields, headers]));
  }
  assert.equal((await post('start', { form: key })).status, 403, 'a form is for one action');
  assert.equal((await connectionsOf(subscriber)).length, 1);
  assert.equal((await post('disconnect', { form: key })).status, 303);
  assert.equal((await connectionsOf(subscriber)).length, 0);
  assert.equal((await connectionsOf(another)).length, 1);
  assert.ok(connection.identifier !== theirs.identifier);
});

fact('a link reaches nobody else\'s endpoints, and nothing that was not offered', async () => {
  const [one, other] = [await make.subscriber(), await make.subscriber()];
  const connection = await make.connection({ integration, subscriber: one });
  const theirs = await make.endpoint({ integration, subscriber: other, connection, type: 'slack_channel', endpoint: { channelId: 'C9' } });
  await make.endpoint({ integration, subscriber: one, connection, type: 'slack_channel', endpoint: { channelId: 'C8' } });
  const url = await link({ subscriberId: one.subscriberId });
  const html = await (await fetch(url)).text();
  assert.ok(html.includes('C8') && !html.includes(theirs.identifier));
  const key = (action) => new RegExp(`action="[^"]*/${action}"><input type="hidden" name="form" value="([^"]+)"`).exec(html)[1];
  const post = (action, fields) =>
    fetch(`${url}/${action}`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ form: key(action), ...fields }) });
  await post('remove', { endpoint: theirs.identifier });
  assert.equal((await post('test', { endpoint: theirs.identifier })).status, 410);
  assert.equal((await endpointsOf(other)).length, 1);
  const offered = /name="place" value="([^"]+)"><input type="hidden" name="proof" value="([^"]+)"/.exec(html);
  const place = JSON.stringify(['slack_channel', { channelId: 'C7' }]);
  assert.equal((await post('pick', { place, proof: offered[2] })).status, 403);
});

fact('a link is refused to who may not have it, with what to do', async () => {
  const { subscriberId } = await make.subscriber();
  assertRefused(await session({ subscriberId, integrationIdentifier: 'none' }), 404, /^Integration not found: none in environment /);
  const discord = await make.integration({ providerId: 'discord' });
  assertRefused(await session({ subscriberId, integrationIdentifier: discord.identifier }), 404, /^Integration not found/);
  assertRefused(await session({ subscriberId: 'nobody' }), 404, 'Subscriber not found: nobody');
  assertRefused(await session(), 400, 'Either subscriberId or context must be provided');
  assertRefused(await session({ subscriberId, connectionMode: 'shared' }), 400, 'context is required when connectionMode is "shared"');
  assertRefused(await session({ context: { tenant: 'acme' }, pick: 'channel' }), 400, /^subscriberId is required when pick/);
  const wrong = [
    [{ redirectUrl: 'javascript:alert(1)' }, /^redirectUrl /],
    [{ appearance: { color: 'red' } }, /^appearance\.color /],
    [{ expiresIn: 86_401 }, /^expiresIn /],
    [{ pick: 'team' }, /^pick /],
  ];
  for (const [change, text] of wrong) assertInvalid(await session({ subscriberId, ...change }), text);
});

fact('an app manifest has what the server needs', async () => {
  const manifest = dataOf(await api.get(`/v1/integrations/${integration._id}/app-manifest`));
  assert.deepEqual(manifest.oauth_config.redirect_urls, [`${server.url}/v1/integrations/chat/oauth/callback`]);
  assert.equal(manifest.settings.event_subscriptions.request_url, `${server.url}/v1/integrations/${integration._id}/hooks`);
  assert.equal(manifest.settings.token_rotation_enabled, true);
  const file = await api.get(`/v1/integrations/${integration._id}/app-manifest?format=file`);
  assert.deepEqual(file.body, manifest);
  const teams = await make.integration({ providerId: 'msteams', credentials: { ...credentials, tenantId: 't' } });
  const { bots } = dataOf(await api.get(`/v1/integrations/${teams._id}/app-manifest`));
  assert.equal(bots[0].botId, 'client');
  const discord = await make.integration({ providerId: 'discord', name: unique('discord') });
  assertRefused(await api.get(`/v1/integrations/${discord._id}/app-manifest`), 400, /slack and msteams only/);
});
