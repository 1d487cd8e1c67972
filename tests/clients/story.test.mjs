// From nothing to a message, as the program of a customer's vendor and the customer themselves go through it: the official
// SDK makes the links, a real browser opens them, and the story of the trigger is read back.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { PHONE, picture, says, startBrowser } from './harness/browser.mjs';
import { covers, fact } from './harness/contract.mjs';
import { startSlackEmulator } from './harness/emulator.mjs';
import { assertStatus } from './harness/http.mjs';
import { startMicrosoft, tenant } from './harness/microsoft.mjs';
import { sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { startWebex } from './harness/webex.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startSlackEmulator();
after(() => slack.stop());
const home = { ...tenant('The vendor'), teams: [] };
const contoso = tenant('Contoso');
const microsoft = await startMicrosoft({ home, tenants: [home, contoso] });
after(() => microsoft.stop());
const webex = await startWebex();
after(() => webex.stop());
const server = await startServer({ settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, ...microsoft.settings, ...webex.settings } });
after(() => server.stop());
const browser = await startBrowser();
after(() => browser.close());

const { api } = world(server);
const novu = sdk(server);
const STORY = covers(
  'IntegrationsController_createIntegration', 'SubscribersController_createSubscriber', 'IntegrationsController_generateConnectOAuthUrl',
  'ChannelConnectionsController_getChannelConnectionByIdentifier', 'ChannelEndpointsController_createChannelEndpoint', 'WorkflowController_create',
  'EventsController_trigger', 'NotificationsController_listNotifications', 'NotificationsController_getNotification',
);

/** An integration and a subscriber, made as a program makes them at its start. */
async function begin(providerId, credentials) {
  const integrationIdentifier = unique(providerId);
  await novu.integrations.create({ providerId, channel: 'chat', identifier: integrationIdentifier, active: true, check: false, credentials });
  const subscriberId = unique('ann');
  await novu.subscribers.create({ subscriberId, firstName: 'Ann' });
  return { integrationIdentifier, subscriberId };
}

/** A tab on a phone that notes what breaks in it. */
async function tab(context) {
  const page = await (await browser.newContext({ viewport: PHONE })).newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  // What the vendors' own pages lack is none of ours.
  page.on('console', (message) => message.type() === 'error' && message.location().url.startsWith(server.url) && problems.push(message.text()));
  context.after(() => {
    assert.deepEqual(problems, []);
    return page.context().close();
  });
  return page;
}

/** Asks for the link, lets somebody open it and decide, and gives the connection that comes of it. */
async function connect(context, { decide, autoLinkUser, ...ask }) {
  const connectionIdentifier = unique('connection');
  const { result: { url } } = await novu.integrations.generateConnectOAuthUrl({ ...ask, connectionIdentifier, autoLinkUser });
  const page = await tab(context);
  await page.goto(url);
  await decide(page);
  await page.waitForURL(`${server.url}/v1/integrations/chat/oauth/callback?**`);
  await says(page, "You're all set");
  const { result } = await novu.channelConnections.retrieve(connectionIdentifier);
  assert.equal(result.identifier, connectionIdentifier);
  // The health of a connection is ours, and more than the SDK knows of.
  assert.equal((await api.get(`/v1/channel-connections/${connectionIdentifier}`)).body.data.health.status, 'active');
  return { page, connection: result };
}

/** What the picker of this connection offers. */
async function destinations(connection, query) {
  const response = assertStatus(await api.get(`/v1/channel-connections/${connection.identifier}/destinations?${new URLSearchParams(query)}`), 200);
  assert.equal(response.body.complete, true, response.text);
  return response.body.data;
}

/** Picks by name, as a person does. */
async function pick(connection, query) {
  const [found] = await destinations(connection, query);
  assert.ok(found?.selectable, JSON.stringify(found));
  return found;
}

/** Makes the endpoint and a workflow, triggers it, and reads the activity feed until all is done. */
async function send({ integrationIdentifier, subscriberId }, connection, picked) {
  if (picked) {
    await novu.channelEndpoints.create({
      integrationIdentifier, subscriberId, connectionIdentifier: connection.identifier, type: picked.type, endpoint: picked.endpoint,
    });
  }
  const workflowId = unique('order-shipped');
  await novu.workflows.create({
    name: workflowId, workflowId, active: true,
    steps: [{ type: 'chat', name: 'Tell them', controlValues: { body: 'Hello {{subscriber.firstName}}, order {{payload.order}} is on its way.' } }],
  });
  const order = unique('order');
  const { result: { transactionId } } = await novu.trigger({ workflowId, to: subscriberId, payload: { order } });
  const jobs = await eventually(async () => {
    const [listed] = (await novu.notifications.list({ transactionId })).result.data;
    assert.ok(listed);
    const { jobs: all } = (await novu.notifications.retrieve(listed.id)).result;
    assert.deepEqual(all.map(({ status }) => status), ['completed', 'completed']);
    return all;
  });
  const details = jobs.flatMap(({ executionDetails }) => executionDetails.map(({ detail }) => detail));
  assert.ok(details.includes('Message sent'), details.join(' | '));
  return `Hello Ann, order ${order} is on its way.`;
}

const told = (posts, text) => posts.filter((post) => post.text === text).length;

fact('Slack, from the link to the message', STORY, async (context) => {
  const who = await begin('slack', { applicationId: 'A1', clientId: '1.2', secretKey: 'secret', signingSecret: 'signing' });
  const { page, connection } = await connect(context, {
    ...who,
    decide: async (page) => {
      assert.equal(new URL(page.url()).origin, slack.url);
      await page.getByRole('button').first().click();
    },
  });
  await picture(page, 'story-slack-done');
  await says(page, connection.workspace.name);
  const picked = await pick(connection, { kind: 'channel', query: 'rand' });
  assert.deepEqual(picked.endpoint, { channelId: slack.channels.random });
  const text = await send(who, connection, picked);
  assert.equal(told(await slack.messages(slack.channels.random), text), 1);
});

fact('Microsoft Teams, from the administrator’s consent to a channel', STORY, async (context) => {
  const who = await begin('msteams', microsoft.credentials);
  const { page, connection } = await connect(context, {
    ...who,
    decide: async (page) => {
      assert.equal(new URL(page.url()).pathname, '/organizations/v2.0/adminconsent');
      await page.getByRole('link', { name: 'Accept for Contoso' }).click();
    },
  });
  await picture(page, 'story-teams-done');
  assert.equal(connection.workspace.id, contoso.id);
  const teams = await destinations(connection, { kind: 'team' });
  assert.deepEqual(teams.map(({ name, selectable }) => [name, selectable]), [['Sales', false], ['Support', false]]);
  const picked = await pick(connection, { kind: 'channel', team: teams[0].id, query: 'orders' });
  const orders = contoso.teams[0].channels[1].id;
  assert.deepEqual(picked.endpoint, { teamId: contoso.teams[0].id, channelId: orders });
  const text = await send(who, connection, picked);
  const [post] = microsoft.posted(orders);
  assert.deepEqual([post.text, post.body.channelData.tenant.id], [text, contoso.id]);
});

fact('Microsoft Teams, from one consent and one sign-in to a person', covers('ChannelEndpointsController_listChannelEndpoints'), async (context) => {
  const who = await begin('msteams', microsoft.credentials);
  const { page, connection } = await connect(context, {
    ...who,
    autoLinkUser: true,
    decide: async (page) => {
      await page.getByRole('link', { name: 'Accept for Contoso' }).click();
      // The person is asked for at once.
      await page.getByRole('heading', { name: 'Pick an account' }).waitFor();
      await page.getByRole('link', { name: 'Ben Brand' }).click();
    },
  });
  await says(page, 'Your account is linked');
  const { result: { data: endpoints } } = await novu.channelEndpoints.list({ subscriberId: who.subscriberId });
  const ben = contoso.users[1].id;
  assert.deepEqual(endpoints.map(({ type, endpoint, connectionIdentifier }) => [type, endpoint.userId, connectionIdentifier]), [['ms_teams_user', ben, connection.identifier]]);
  const text = await send(who, connection);
  assert.equal(told(microsoft.posted(ben), text), 1);
});

fact('Webex, from the link to the message', STORY, async (context) => {
  const who = await begin('webex-messaging', webex.credentials);
  const { page, connection } = await connect(context, {
    ...who,
    decide: async (page) => {
      assert.ok(new URL(page.url()).searchParams.has('code_challenge'));
      await page.getByRole('link', { name: 'Accept as Ann Abel' }).click();
    },
  });
  await picture(page, 'story-webex-done');
  const rooms = await destinations(connection, { kind: 'channel' });
  assert.deepEqual(rooms.map(({ name, selectable }) => [name, selectable]), [['Announcements', false], ['Orders', true], ['Release train', true]]);
  const picked = await pick(connection, { kind: 'channel', query: 'release' });
  const text = await send(who, connection, picked);
  assert.equal(told(webex.posted(webex.rooms['Release train']), text), 1);
});

fact('Webex, where a person links themselves', covers('IntegrationsController_generateLinkUserOAuthUrl'), async (context) => {
  const who = await begin('webex-messaging', webex.credentials);
  const { page, connection } = await connect(context, { ...who, decide: (page) => page.getByRole('link', { name: 'Accept as Ann Abel' }).click() });
  const { result: { url } } = await novu.integrations.generateLinkUserOAuthUrl({ ...who, connectionIdentifier: connection.identifier });
  await page.goto(url);
  await page.getByRole('link', { name: 'Accept as Ben Brand' }).click();
  await says(page, 'Your account is linked');
  const text = await send(who, connection);
  assert.equal(told(webex.posted(webex.people['Ben Brand']), text), 1);
});
