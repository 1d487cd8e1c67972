// The official React components in a real browser, against the real binary and a Slack that is emulated.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { picture, startBrowser } from './harness/browser.mjs';
import { fact } from './harness/contract.mjs';
import { startSlackEmulator } from './harness/emulator.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { dataOf } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { contextHashOf } from './harness/subscriber.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startSlackEmulator();
after(() => slack.stop());
const vendor = await startReceiver();
after(() => vendor.stop());
vendor.answers('/bot1:abc/getMe', { body: { ok: true, result: { id: 1, is_bot: true, first_name: 'Bot', username: 'MyBot' } } });
const server = await startServer({
  settings: {
    CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url,
    CAMPANILE_PROVIDERS__TELEGRAM__BASE_URL: vendor.url,
    CAMPANILE_PROVIDERS__MSTEAMS__LOGIN_URL: vendor.url,
  },
});
after(() => server.stop());
const { api, ...make } = world(server);

// A customer's own page, from another origin than the server's.
const page = await build({
  stdin: {
    contents: `
      import { createRoot } from 'react-dom/client';
      import * as novu from '@novu/react';
      const { provider, components } = window.setup;
      createRoot(document.getElementById('root')).render(
        <novu.NovuProvider {...provider}>
          {components.map(([name, props]) => { const Component = novu[name]; return <div key={name} id={name}><Component {...props} /></div>; })}
        </novu.NovuProvider>,
      );`,
    loader: 'jsx',
    resolveDir: fileURLToPath(new URL('.', import.meta.url)),
  },
  bundle: true, write: false, format: 'iife', platform: 'browser', jsx: 'automatic', conditions: ['browser', 'import'],
  define: { 'process.env.NODE_ENV': '"production"' }, logLevel: 'error',
});
const [{ text: script }] = page.outputFiles;

const site = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://site');
  if (pathname === '/page.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
  const setup = (searchParams.get('setup') ?? '{}').replaceAll('<', '\\u003c');
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><title>A customer's page</title><div id="root"></div><script>window.setup = ${setup}</script><script src="/page.js"></script>`);
});
site.listen(0, '127.0.0.1');
await once(site, 'listening');
after(() => {
  site.closeAllConnections();
  site.close();
});

const browser = await startBrowser();
after(() => browser.close());

/** Opens the customer's page for one subscriber with these components: [name, props] each. */
async function open(provider, components) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  const problems = [];
  tab.on('pageerror', (error) => problems.push(error.message));
  const setup = { provider: { applicationIdentifier: server.identifiers.development, apiUrl: server.url, socketUrl: server.url, ...provider }, components };
  await tab.goto(`http://127.0.0.1:${site.address().port}/?setup=${encodeURIComponent(JSON.stringify(setup))}`);
  const button = (name, label) => tab.locator(`#${name}`).getByRole('button', { name: label, exact: true });
  return { tab, context, problems, button };
}

/** Clicks a button and gives the tab that it opens. */
async function opens({ context }, button) {
  const [popup] = await Promise.all([context.waitForEvent('page'), button.click()]);
  await popup.waitForLoadState();
  return popup;
}

const credentials = { applicationId: 'A1', clientId: '1.2', secretKey: 'secret', signingSecret: 's' };
const integration = await make.integration({ credentials });
const slackProps = { integrationIdentifier: integration.identifier, connectLabel: 'Connect Slack', connectedLabel: 'Slack is connected' };

/** Goes through the emulator's consent page to the server's own. */
async function consent(popup) {
  assert.equal(new URL(popup.url()).origin, slack.url);
  await picture(popup, 'buttons-consent');
  await popup.locator('button').first().click();
  await popup.waitForURL(`${server.url}/**`);
  await picture(popup, 'buttons-result');
}

fact('Slack is connected, its user linked and both taken back, by clicks alone', async () => {
  const subscriber = unique('ann');
  const connectionIdentifier = `chconn-slack-default-${subscriber}`;
  const it = await open({ subscriber }, [
    ['SlackConnectButton', slackProps],
    ['SlackLinkUser', { integrationIdentifier: integration.identifier, connectionIdentifier, linkLabel: 'Link me', unlinkLabel: 'Unlink me' }],
  ]);
  const connect = it.button('SlackConnectButton', 'Connect Slack');
  await connect.waitFor();
  await picture(it.tab, 'buttons-before');
  await consent(await opens(it, connect));
  const connected = it.button('SlackConnectButton', 'Slack is connected');
  await connected.waitFor();
  await it.tab.reload();
  await connected.waitFor();
  const unlink = it.button('SlackLinkUser', 'Unlink me');
  await unlink.waitFor();
  await picture(it.tab, 'buttons-connected');
  const connection = dataOf(await api.get(`/v1/channel-connections/${connectionIdentifier}`));
  assert.equal(connection.subscriberId, subscriber);
  // The connection has linked the person already: they unlink, and link again by themselves.
  await unlink.click();
  const link = it.button('SlackLinkUser', 'Link me');
  await link.waitFor();
  assert.deepEqual((await api.get(`/v1/channel-endpoints?subscriberId=${subscriber}`)).body.data, []);
  await consent(await opens(it, link));
  await unlink.waitFor();
  await connected.click();
  await connect.waitFor();
  assert.equal((await api.get(`/v1/channel-connections/${connectionIdentifier}`)).status, 404);
  assert.deepEqual(it.problems, []);
});

fact('two tenants share one button, and each disconnects only their own workspace', async () => {
  const tenants = [unique('tenant'), unique('tenant')];
  const pages = [];
  for (const tenant of tenants) {
    const context = { tenant };
    const it = await open({ subscriber: unique('admin'), context, contextHash: contextHashOf(server, context) }, [['SlackConnectButton', { ...slackProps, connectionMode: 'shared', context }]]);
    const connect = it.button('SlackConnectButton', 'Connect Slack');
    await consent(await opens(it, connect));
    await it.button('SlackConnectButton', 'Slack is connected').waitFor();
    pages.push(it);
  }
  const [first, second] = pages;
  await second.button('SlackConnectButton', 'Slack is connected').click();
  await second.button('SlackConnectButton', 'Connect Slack').waitFor();
  await first.tab.reload();
  await first.button('SlackConnectButton', 'Slack is connected').waitFor();
  const left = (await api.get('/v1/channel-connections?limit=100')).body.data.filter(({ contextKeys }) => tenants.includes(contextKeys[0]?.split(':')[1]));
  assert.deepEqual(left.map(({ contextKeys }) => contextKeys), [[`tenant:${tenants[0]}`]]);
});

fact('Teams opens Microsoft’s page, and is disconnected', async () => {
  const subscriber = unique('ann');
  const teams = await make.integration({ providerId: 'msteams', credentials: { clientId: '7f1b7b3a-0000-4000-8000-000000000001', secretKey: 's', tenantId: '7f1b7b3a-0000-4000-8000-000000000002' } });
  const it = await open({ subscriber }, [['MsTeamsConnectButton', { integrationIdentifier: teams.identifier, connectLabel: 'Connect Teams', connectedLabel: 'Teams is connected' }]]);
  const popup = await opens(it, it.button('MsTeamsConnectButton', 'Connect Teams'));
  assert.equal(new URL(popup.url()).origin, vendor.url);
  await popup.close();
  // What the administrator's consent would make.
  const identifier = `chconn-msteams-default-${subscriber}`;
  await make.connection({ integration: teams, subscriber: { subscriberId: subscriber }, identifier });
  const connected = it.button('MsTeamsConnectButton', 'Teams is connected');
  await connected.waitFor();
  await picture(it.tab, 'buttons-teams');
  await connected.click();
  await it.button('MsTeamsConnectButton', 'Connect Teams').waitFor();
  assert.equal((await api.get(`/v1/channel-connections/${identifier}`)).status, 404);
});

fact('Telegram’s bot is opened with a code, and its chat is taken back', async () => {
  const subscriber = unique('ann');
  const bot = await make.integration({ providerId: 'telegram', credentials: { apiToken: '1:abc' } });
  const it = await open({ subscriber }, [['TelegramConnectButton', { integrationIdentifier: bot.identifier, connectLabel: 'Connect Telegram', connectedLabel: 'Telegram is connected' }]]);
  await it.context.route('https://t.me/**', (route) => route.fulfill({ body: 'Telegram', contentType: 'text/plain' }));
  const popup = await opens(it, it.button('TelegramConnectButton', 'Connect Telegram'));
  assert.match(popup.url(), /^https:\/\/t\.me\/MyBot\?start=\w{32}$/);
  await make.endpoint({ integration: bot, subscriber: { subscriberId: subscriber }, type: 'telegram_chat', endpoint: { chatId: '42' } });
  const connected = it.button('TelegramConnectButton', 'Telegram is connected');
  await connected.waitFor();
  await picture(it.tab, 'buttons-telegram');
  await connected.click();
  await it.button('TelegramConnectButton', 'Connect Telegram').waitFor();
  await eventually(async () => assert.deepEqual((await api.get(`/v1/channel-endpoints?subscriberId=${subscriber}`)).body.data, []));
});
