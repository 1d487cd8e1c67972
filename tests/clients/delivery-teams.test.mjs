import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

// Stands in for Microsoft's login, the Bot Connector, Webex, Telegram and Meta, as their documentation describes them.
const vendor = await startReceiver();
after(() => vendor.stop());
const server = await startServer({
  settings: {
    CAMPANILE_LOG: 'debug',
    CAMPANILE_PROVIDERS__MSTEAMS__LOGIN_URL: vendor.url,
    CAMPANILE_PROVIDERS__MSTEAMS__BOT_URL: vendor.url,
    CAMPANILE_PROVIDERS__WEBEX_MESSAGING__BASE_URL: vendor.url,
    CAMPANILE_PROVIDERS__TELEGRAM__BASE_URL: vendor.url,
    CAMPANILE_PROVIDERS__WHATSAPP_BUSINESS__BASE_URL: vendor.url,
  },
});
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);

const clientSecret = 'canary-client-secret';
const botToken = 'canary-bot-token';
const telegramToken = '123456:canary-telegram';
const loginPath = '/home-tenant/oauth2/v2.0/token';
vendor.answers(loginPath, { body: { token_type: 'Bearer', expires_in: 3599, access_token: botToken } });
const teamsCredentials = { clientId: 'app-1', secretKey: clientSecret, tenantId: 'home-tenant' };

/** Triggers one chat step for the subscriber and tells how it ended. */
async function send(subscriberId, text) {
  const workflow = await make.workflow({ bodies: ['{{payload.text}}'] });
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to: subscriberId, payload: { text } });
  const [story] = await finished(api, result);
  return story;
}

const assertNoSecret = (text) => {
  for (const secret of [clientSecret, botToken, telegramToken, 'canary-webex']) assert.equal(text.includes(secret), false, secret);
};

fact('Teams through the SDK: a tenant, a channel, a trigger, a message of the bot', async () => {
  const channelId = '19:general@thread.tacv2';
  const path = `/teams/v3/conversations/${encodeURIComponent(channelId)}/activities`;
  vendor.answers(path, { status: 201, body: { id: '1700000000000' } });
  const identifier = unique('msteams');
  await novu.integrations.create({ providerId: 'msteams', channel: 'chat', identifier, active: true, check: false, credentials: teamsCredentials });
  const { subscriberId } = await make.subscriber();
  const connection = await novu.channelConnections.create({
    integrationIdentifier: identifier, subscriberId, workspace: { id: 'acme-tenant' }, auth: { accessToken: 'app-only' },
  });
  await novu.channelEndpoints.create({
    type: 'ms_teams_channel', integrationIdentifier: identifier, connectionIdentifier: connection.result.identifier,
    subscriberId, endpoint: { teamId: 'team-1', channelId },
  });
  const { statuses, raw, details } = await send(subscriberId, 'Hello Teams');
  assert.deepEqual(statuses, ['completed'], raw);
  const [login] = vendor.requests(loginPath);
  assert.deepEqual(Object.fromEntries(new URLSearchParams(login.text)), {
    grant_type: 'client_credentials', client_id: 'app-1', client_secret: clientSecret, scope: 'https://api.botframework.com/.default',
  });
  const [post] = vendor.requests(path);
  assert.equal(post.headers.authorization, `Bearer ${botToken}`);
  assert.deepEqual(post.json, {
    type: 'message', text: 'Hello Teams',
    channelData: { tenant: { id: 'acme-tenant' }, team: { id: 'team-1' }, channel: { id: channelId } },
  });
  assert.match(raw, /1700000000000/);
  assertNoSecret(`${raw}${details}`);
});

fact('a Teams person is spoken to in a conversation that is opened first, with the token of before', async () => {
  vendor.answers('/teams/v3/conversations', { status: 201, body: { id: 'a:conversation' } });
  const path = `/teams/v3/conversations/${encodeURIComponent('a:conversation')}/activities`;
  vendor.answers(path, { status: 201, body: { id: '1701' } });
  const integration = await make.integration({ providerId: 'msteams', credentials: teamsCredentials });
  const subscriber = await make.subscriber();
  const endpoint = { userId: '29:ann', tenantId: 'acme-tenant' };
  await make.endpoint({ integration, subscriber, type: 'ms_teams_user', endpoint });
  const { statuses, raw } = await send(subscriber.subscriberId, 'Hello Ann');
  assert.deepEqual(statuses, ['completed'], raw);
  assert.deepEqual(vendor.requests('/teams/v3/conversations')[0].json, {
    isGroup: false, bot: { id: 'app-1' }, members: [{ id: '29:ann' }], channelData: { tenant: { id: 'acme-tenant' } },
  });
  assert.deepEqual(vendor.requests(path)[0].json, { type: 'message', text: 'Hello Ann' });
  assert.equal(vendor.requests(loginPath).length, 1, 'one app has one token');
});

fact('a retired connector is refused with the way out', async () => {
  const integration = await make.integration({ providerId: 'msteams' });
  const subscriber = await make.subscriber();
  await make.endpoint({ integration, subscriber, endpoint: { url: 'https://acme.webhook.office.com/webhookb2/x' } });
  const { statuses, raw } = await send(subscriber.subscriberId, 'x');
  assert.deepEqual(statuses, ['failed']);
  assert.match(raw, /retired Office 365 connectors.*workflow/);
});

fact('Webex through the SDK: an organisation, a room, a trigger, a message', async () => {
  vendor.answers('/v1/messages', { body: { id: 'message-1', roomId: 'room-1' } });
  const identifier = unique('webex');
  await novu.integrations.create({
    providerId: 'webex-messaging', channel: 'chat', identifier, active: true, check: false,
    credentials: { clientId: 'c', secretKey: clientSecret },
  });
  const { subscriberId } = await make.subscriber();
  const connection = await novu.channelConnections.create({
    integrationIdentifier: identifier, subscriberId, workspace: { id: 'org-1' }, auth: { accessToken: 'canary-webex' },
  });
  const connectionIdentifier = connection.result.identifier;
  await novu.channelEndpoints.create({
    type: 'webex_room', integrationIdentifier: identifier, connectionIdentifier, subscriberId, endpoint: { roomId: 'room-1' },
  });
  const { statuses, raw, details } = await send(subscriberId, '**Hello** Webex');
  assert.deepEqual(statuses, ['completed'], raw);
  const [post] = vendor.requests('/v1/messages');
  assert.equal(post.headers.authorization, 'Bearer canary-webex');
  assert.deepEqual(post.json, { roomId: 'room-1', markdown: '**Hello** Webex' });
  assert.match(raw, /message-1/);
  assertNoSecret(`${raw}${details}`);
});

fact("Telegram's token goes in the path, and into no trace and no log", async () => {
  const path = `/bot${telegramToken}/sendMessage`;
  vendor.answers(path, ({ text }) => ({
    status: 400, body: { ok: false, error_code: 400, description: `Bad Request: ${path} ${text}` },
  }));
  const integration = await make.integration({ providerId: 'telegram', credentials: { apiToken: telegramToken } });
  const subscriber = await make.subscriber();
  await make.endpoint({ integration, subscriber, type: 'telegram_chat', endpoint: { chatId: '42' } });
  const { statuses, raw, details } = await send(subscriber.subscriberId, 'Hello');
  assert.deepEqual(statuses, ['failed']);
  assert.equal(vendor.requests(path).length, 1);
  assertNoSecret(`${raw}${details}`);
  assertNoSecret(server.output());
});

fact("the phone number of a subscriber is a channel of WhatsApp Business, when that is set up", async () => {
  const path = '/v22.0/106540352242922/messages';
  vendor.answers(path, { body: { messages: [{ id: 'wamid.1', message_status: 'accepted' }] } });
  await make.integration({ providerId: 'whatsapp-business', credentials: { apiToken: 'x', phoneNumberIdentification: '106540352242922' } });
  const subscriber = await make.subscriber({ phone: '+16505551234' });
  const { statuses, raw } = await send(subscriber.subscriberId, 'Hello');
  assert.deepEqual(statuses, ['completed'], raw);
  assert.deepEqual(vendor.requests(path)[0].json.text, { body: 'Hello', preview_url: false });
  const [message] = dataOf(await api.get(`/v1/messages?subscriberId=${subscriber.subscriberId}`));
  assert.equal(message.providerId, 'whatsapp-business');
});
