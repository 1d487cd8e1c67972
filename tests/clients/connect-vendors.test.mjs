// The hosted connect page for Microsoft Teams and Webex in a real browser, with the keyboard alone: connect, pick, test,
// disconnect, reconnect.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { PHONE, enter, looksRight, says, startBrowser, tabOrder, tabTo } from './harness/browser.mjs';
import { fact } from './harness/contract.mjs';
import { dataOf } from './harness/http.mjs';
import { startMicrosoft, tenant } from './harness/microsoft.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { startWebex } from './harness/webex.mjs';
import { world } from './harness/world.mjs';

const home = { ...tenant('The vendor'), teams: [] };
const contoso = tenant('Contoso');
const microsoft = await startMicrosoft({ home, tenants: [home, contoso] });
after(() => microsoft.stop());
const webex = await startWebex();
after(() => webex.stop());
const server = await startServer({ settings: { ...microsoft.settings, ...webex.settings } });
after(() => server.stop());
const browser = await startBrowser();
after(() => browser.close());

const { api, ...make } = world(server);
const root = '/v1/channel-connections';
const integrations = {
  teams: await make.integration({ providerId: 'msteams', credentials: microsoft.credentials }),
  webex: await make.integration({ providerId: 'webex-messaging', credentials: webex.credentials }),
};

/** A link to the page for a new subscriber, open on a phone, and what the API says of them. */
async function visit(integration, change = {}) {
  const { subscriberId } = await make.subscriber();
  const asked = { integrationIdentifier: integration.identifier, subscriberId, appearance: { name: 'Acme Alerts', color: '#4A154B' }, ...change };
  const { url } = dataOf(await api.post(`${root}/sessions`, asked), 201);
  const page = await browser.newPage({ viewport: PHONE });
  await page.goto(url);
  return {
    url,
    page,
    subscriber: { subscriberId },
    connections: async () => (await api.get(`${root}?subscriberId=${subscriberId}`)).body.data,
    endpoints: async () => (await api.get(`/v1/channel-endpoints?subscriberId=${subscriberId}`)).body.data,
  };
}

/** Presses a button or follows a link of ours. */
async function use(page, name) {
  await tabTo(page, name);
  await enter(page);
}

/** Decides on the vendor's page, which is none of ours. */
async function decide(page, answer) {
  await page.getByRole('link', { name: answer }).click();
  await page.waitForURL(/\/connect\//);
}

fact('Teams: an administrator connects, picks a channel of a team, tests it, disconnects and connects again', async () => {
  const { page, connections, endpoints } = await visit(integrations.teams);
  assert.deepEqual(await tabOrder(page), ['Connect Microsoft Teams']);
  await looksRight(page, 'teams-start');
  await use(page, 'Connect Microsoft Teams');
  await decide(page, 'Accept for Contoso');
  await says(page, 'Connected.');
  const [connection] = await connections();
  assert.deepEqual([connection.workspace.id, connection.health.status], [contoso.id, 'active']);
  await looksRight(page, 'teams-connected');
  assert.deepEqual(await tabOrder(page), ['Reconnect Microsoft Teams', 'Search teams', 'Search', 'Sales', 'Support', 'Disconnect']);

  await use(page, 'Sales');
  await looksRight(page, 'teams-channels');
  assert.deepEqual(
    await tabOrder(page),
    ['Reconnect Microsoft Teams', 'Choose another team', 'Search channels', 'Search', 'General', 'Orders', 'Wins', 'Disconnect'],
  );
  await tabTo(page, 'Search channels');
  await page.keyboard.type('ord');
  await enter(page);
  assert.equal(await page.getByRole('button', { name: 'Wins' }).count(), 0);
  await use(page, 'Orders');
  await says(page, 'Chosen. Messages go there from now on.');
  const orders = contoso.teams[0].channels[1].id;
  assert.deepEqual((await endpoints()).map(({ type, endpoint }) => [type, endpoint]), [['ms_teams_channel', { teamId: contoso.teams[0].id, channelId: orders }]]);
  await looksRight(page, 'teams-chosen');
  await use(page, 'Send a test message: Sales / Orders');
  await says(page, 'The test message was sent.');
  assert.equal(microsoft.posted(orders).length, 1);

  await use(page, 'Disconnect');
  await page.getByRole('heading', { name: /^Disconnect / }).waitFor();
  assert.deepEqual(await tabOrder(page), ['Disconnect', 'Keep it connected']);
  await looksRight(page, 'teams-disconnect');
  await use(page, 'Disconnect');
  await says(page, 'Disconnected.');
  assert.deepEqual(await connections(), []);
  await use(page, 'Connect Microsoft Teams');
  await decide(page, 'Accept for Contoso');
  await says(page, 'Connected.');
  assert.equal((await connections()).length, 1);
  await page.close();
});

fact('Teams: a team without the app says so after the test, and says what to do', async () => {
  const { page } = await visit(integrations.teams);
  await use(page, 'Connect Microsoft Teams');
  await decide(page, 'Accept for Contoso');
  await use(page, 'Support');
  await use(page, 'General');
  await use(page, 'Send a test message: Support / General');
  await says(page, 'The test message could not be sent.');
  await says(page, 'Bot is not installed in this team');
  await looksRight(page, 'teams-not-installed');
  await page.close();
});

fact('Teams: who cancels is told that nothing was changed', async () => {
  const { page, connections } = await visit(integrations.teams);
  await use(page, 'Connect Microsoft Teams');
  await decide(page, 'Cancel');
  await says(page, 'The permission was not given, so nothing was changed.');
  await looksRight(page, 'teams-refused');
  assert.deepEqual(await connections(), []);
  await page.close();
});

fact('Teams: who consents for themselves signs in next, and comes back to the page', async () => {
  const { page, endpoints } = await visit(integrations.teams, { autoLinkUser: true, pick: 'user' });
  await use(page, 'Connect Microsoft Teams');
  await page.getByRole('link', { name: 'Accept for Contoso' }).click();
  await page.getByRole('heading', { name: 'Pick an account' }).waitFor();
  await decide(page, 'Ben Brand');
  const [linked] = await endpoints();
  assert.deepEqual([linked.type, linked.endpoint.userId], ['ms_teams_user', contoso.users[1].id]);
  await looksRight(page, 'teams-linked');
  await use(page, 'Send a test message: Ben Brand');
  await says(page, 'The test message was sent.');
  assert.equal(microsoft.posted(contoso.users[1].id).length, 1);
  await page.close();
});

fact('Webex: somebody connects, picks a room, tests it, disconnects and connects again', async () => {
  const { page, connections, endpoints } = await visit(integrations.webex);
  assert.deepEqual(await tabOrder(page), ['Connect Webex']);
  await use(page, 'Connect Webex');
  await decide(page, 'Accept as Ann Abel');
  await says(page, 'Connected.');
  assert.equal((await connections())[0].health.status, 'active');
  await looksRight(page, 'webex-connected');
  assert.deepEqual(await tabOrder(page), ['Reconnect Webex', 'Search rooms', 'Search', 'Orders', 'Release train', 'Disconnect']);
  await says(page, 'The room is read-only.');
  await use(page, 'Release train');
  await says(page, 'Chosen.');
  assert.deepEqual((await endpoints()).map(({ type, endpoint }) => [type, endpoint]), [['webex_room', { roomId: webex.rooms['Release train'] }]]);
  await use(page, 'Send a test message: Release train');
  await says(page, 'The test message was sent.');
  assert.equal(webex.posted(webex.rooms['Release train']).length, 1);
  await use(page, 'Disconnect');
  await use(page, 'Disconnect');
  await says(page, 'Disconnected.');
  await use(page, 'Connect Webex');
  await decide(page, 'Accept as Ann Abel');
  await says(page, 'Connected.');
  assert.equal((await connections()).length, 1);
  await page.close();
});

fact('Webex: people are found by their names', async () => {
  const { page, endpoints } = await visit(integrations.webex, { pick: 'user' });
  await use(page, 'Connect Webex');
  await decide(page, 'Accept as Ann Abel');
  await says(page, 'Type at least 3 letters');
  await looksRight(page, 'webex-people');
  await tabTo(page, 'Search people');
  await page.keyboard.type('brand');
  await enter(page);
  await use(page, 'Ben Brand');
  await says(page, 'Chosen.');
  assert.deepEqual((await endpoints()).map(({ type, endpoint }) => [type, endpoint]), [['webex_person', { personId: webex.people['Ben Brand'] }]]);
  await looksRight(page, 'webex-person');
  await page.close();
});

for (const [name, integration, vendor, answer] of [
  ['Teams', integrations.teams, { withdraw: () => microsoft.withdraw(contoso.id) }, 'Accept for Contoso'],
  ['Webex', integrations.webex, webex, 'Accept as Ann Abel'],
]) {
  fact(`${name}: what the vendor withdraws is seen, and mended by one click`, async () => {
    const { url, page, connections } = await visit(integration);
    const label = name === 'Teams' ? 'Microsoft Teams' : name;
    await use(page, `Connect ${label}`);
    await decide(page, answer);
    const [{ identifier }] = await connections();
    vendor.withdraw();
    const health = async () => dataOf(await api.get(`${root}/${identifier}`)).health;
    await eventually(async () => {
      await api.post(`${root}/${identifier}/check`, {});
      assert.ok(['needs_reauth', 'revoked'].includes((await health()).status));
    });
    const { reconnectUrl } = await health();
    await page.goto(url);
    await looksRight(page, `${name.toLowerCase()}-dead`);
    await page.goto(reconnectUrl);
    await says(page, 'Not working');
    assert.deepEqual(await tabOrder(page), [`Reconnect ${label}`], 'nothing but to reconnect');
    await use(page, `Reconnect ${label}`);
    await decide(page, answer);
    await says(page, 'is connected');
    await looksRight(page, `${name.toLowerCase()}-mended`);
    assert.equal((await health()).status, 'active');
    await page.close();
  });
}
