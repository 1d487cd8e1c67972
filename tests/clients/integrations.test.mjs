import assert from 'node:assert/strict';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });
const novu = sdk(server);
const unknownId = '0'.repeat(24);

const find = async (where, { _id }) => dataOf(await where.api.get('/v1/integrations')).find((row) => row._id === _id);
const ranks = async (where, ...list) => {
  const rows = await Promise.all(list.map((integration) => find(where, integration)));
  return rows.map(({ primary, priority }) => `${primary ? 'primary' : '-'} ${priority}`);
};

fact('what cannot be configured at a provider is told, and is no error', covers('IntegrationsController_autoConfigureIntegration'), async () => {
  const integration = await make.integration({ providerId: 'sendgrid', channel: 'email' });
  const { result } = await novu.integrations.integrationsControllerAutoConfigureIntegration(integration._id);
  assert.equal(result.success, false);
  assert.match(result.message, /^Auto-configuration failed: .*sendgrid/);
  for (const id of [unknownId, 'no-id']) {
    assertRefused(await api.post(`/v1/integrations/${id}/auto-configure`), 404, `Integration not found, id: ${id}`);
  }
});

fact('each environment begins with an active in-app integration', async () => {
  for (const where of [{ api }, production]) {
    const inbox = dataOf(await where.api.get('/v1/integrations')).filter(({ providerId }) => providerId === 'novu');
    assert.deepEqual(inbox.map(({ name, channel, active }) => ({ name, channel, active })), [{ name: 'Novu Inbox', channel: 'in_app', active: true }]);
  }
  assertRefused(
    await api.post('/v1/integrations', { providerId: 'novu', channel: 'in_app', check: false }),
    400,
    'One environment can only have one In app provider',
  );
});

fact('a minimal create gives a name, an identifier and nothing active', covers('IntegrationsController_createIntegration'), async () => {
  const { result } = await novu.integrations.create({ providerId: 'sendgrid', channel: 'email', check: false });
  assert.equal(result.name, 'SendGrid');
  assert.match(result.identifier, /^sendgrid-[\w-]+$/);
  assert.equal(result.active, false);
  assert.equal(result.primary, false);
  assert.equal(result.deleted, false);
  assert.equal(result.channel, 'email');
  assert.match(result.id, /^[0-9a-f]{24}$/);
  const environment = dataOf(await api.get('/v1/environments/me'));
  assert.equal(result.environmentId, environment._id);
  assert.equal(result.organizationId, environment._organizationId);
});

fact('one provider may have several integrations, but an identifier only one', async () => {
  const [one, two] = [await make.integration({ identifier: undefined }), await make.integration({ identifier: undefined })];
  assert.notEqual(one.identifier, two.identifier);
  assertRefused(
    await api.post('/v1/integrations', { providerId: 'discord', channel: 'chat', identifier: one.identifier, check: false }),
    409,
    'Integration with identifier already exists',
  );
  assertRefused(await api.put(`/v1/integrations/${two._id}`, { identifier: one.identifier, check: false }), 409, 'Integration with identifier already exists');
  const elsewhere = await production.integration({ identifier: one.identifier });
  assert.equal(elsewhere.identifier, one.identifier);
});

fact('twenty creates of one identifier at once leave one', async () => {
  const identifier = unique('race');
  const create = () => api.post('/v1/integrations', { providerId: 'slack', channel: 'chat', identifier, check: false });
  const answers = await Promise.all(Array.from({ length: 20 }, create));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array(19).fill(409)]);
});

fact('provider and channel are needed, and the channel is one of the listed', async () => {
  assertInvalid(await api.post('/v1/integrations', { channel: 'chat' }), /^providerId /);
  assertInvalid(await api.post('/v1/integrations', { providerId: 'slack' }), /^channel /);
  assertInvalid(await api.post('/v1/integrations', { providerId: 'slack', channel: 'pigeon' }), /^channel /);
});

fact('credentials are never shown: empty in lists, absent in answers', covers('IntegrationsController_listIntegrations', 'IntegrationsController_getActiveIntegrations'), async () => {
  const credentials = { clientId: 'client', secretKey: 'very-secret-value' };
  const response = await api.post('/v1/integrations', { providerId: 'slack', channel: 'chat', active: true, check: false, credentials });
  const created = dataOf(response, 201);
  assert.ok(!('credentials' in created));
  const updated = dataOf(await api.put(`/v1/integrations/${created._id}`, { name: 'Renamed', check: false }));
  assert.ok(!('credentials' in updated));

  for (const path of ['/v1/integrations', '/v1/integrations/active']) {
    const list = await api.get(path);
    assert.ok(!list.text.includes(credentials.secretKey));
    for (const row of dataOf(list)) assert.deepEqual(row.credentials, {});
  }
  const all = (await novu.integrations.list()).result;
  const active = (await novu.integrations.listActive()).result;
  assert.ok(all.some(({ active: on }) => !on), 'there is an inactive one to leave out');
  assert.deepEqual(active.map(({ id }) => id).sort(), all.filter((row) => row.active).map(({ id }) => id).sort());
});

fact('an update changes what it names', covers('IntegrationsController_updateIntegrationById'), async () => {
  const integration = await make.integration({ active: false });
  const identifier = unique('renamed');
  const { result } = await novu.integrations.update({ name: 'New name', identifier, active: true, check: false }, integration._id);
  assert.equal(result.name, 'New name');
  assert.equal(result.identifier, identifier);
  assert.equal(result.active, true);
  assert.equal(result.providerId, 'slack');
});

fact('an update of nothing, or of an unknown integration, is refused', async () => {
  const integration = await make.integration();
  assertRefused(await api.put(`/v1/integrations/${integration._id}`, {}), 400, 'No properties found for update');
  assertRefused(await api.put(`/v1/integrations/${unknownId}`, { name: 'x', check: false }), 404, `Entity with id ${unknownId} not found`);
});

const conditions = [{ isNegated: false, type: 'GROUP', value: 'AND', children: [{ field: 'plan', value: 'pro', operator: 'EQUAL', on: 'payload' }] }];

fact('conditions are kept', async () => {
  const integration = await make.integration({ conditions });
  assert.deepEqual(integration.conditions, conditions);
  assert.deepEqual((await find({ api }, integration)).conditions, conditions);
});

fact('a deleted integration is gone from every list, and the answer is what remains', covers('IntegrationsController_removeIntegration'), async () => {
  const integration = await make.integration();
  const { result } = await novu.integrations.delete(integration._id);
  const remaining = (await novu.integrations.list()).result.map(({ id }) => id);
  assert.deepEqual(result.map(({ id }) => id).sort(), remaining.sort());
  assert.ok(!remaining.includes(integration._id));
  assertRefused(await api.delete(`/v1/integrations/${integration._id}`), 404, `Entity with id ${integration._id} not found`);
  const again = await make.integration({ identifier: integration.identifier });
  assert.equal(again.identifier, integration.identifier, 'its identifier is free again');
});

fact('with a chat integration go its connections at once and its endpoints soon after', async () => {
  const integration = await make.integration();
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration, subscriber });
  const endpoint = await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: 'C1' } });
  assertStatus(await api.delete(`/v1/integrations/${integration._id}`), 200);
  assertRefused(await api.get(`/v1/channel-connections/${connection.identifier}`), 404);
  await eventually(async () => assertRefused(await api.get(`/v1/channel-endpoints/${endpoint.identifier}`), 404));
});

fact('the environment in a body can only be the one of the key', async () => {
  const other = dataOf(await production.api.get('/v1/environments/me'));
  const body = { providerId: 'slack', channel: 'chat', check: false };
  assertRefused(await api.post('/v1/integrations', { ...body, _environmentId: other._id }), 403, /is scoped to a single environment/);
  const own = dataOf(await api.get('/v1/environments/me'));
  assert.equal(dataOf(await api.post('/v1/integrations', { ...body, _environmentId: own._id }), 201)._environmentId, own._id);
});

fact('the first e-mail integration created active is the primary one, and others rank below it', covers('IntegrationsController_setIntegrationAsPrimary'), async () => {
  const email = (rest) => production.integration({ providerId: 'sendgrid', channel: 'email', ...rest });
  const idle = await email({ active: false });
  const first = await email();
  assert.deepEqual([first.primary, first.priority], [true, 1]);
  const second = await email();
  const third = await email();
  assert.deepEqual([second.primary, third.primary], [false, false]);
  assert.equal((await ranks(production, first))[0], 'primary 3');
  assert.deepEqual((await ranks(production, second, third)).sort(), ['- 1', '- 2']);
  assert.deepEqual(await ranks(production, idle), ['- 0']);

  const { result } = await sdk(server, { secretKey: server.keys.production }).integrations.setAsPrimary(third._id);
  assert.equal(result.primary, true);
  assert.equal((await ranks(production, third))[0], 'primary 3');
  assert.deepEqual((await ranks(production, first, second)).map((rank) => rank[0]), ['-', '-']);
  const repeated = dataOf(await production.api.post(`/v1/integrations/${third._id}/set-primary`));
  assert.deepEqual([repeated.primary, repeated.priority], [true, 3], 'setting it again changes nothing');

  dataOf(await production.api.put(`/v1/integrations/${third._id}`, { active: false, check: false }));
  assert.deepEqual(await ranks(production, third), ['- 0']);
  assert.deepEqual((await ranks(production, first, second)).sort(), ['- 1', '- 2'], 'nothing is promoted');
});

fact('activation by an update never makes primary', async () => {
  const idle = await production.integration({ providerId: 'twilio', channel: 'sms', active: false });
  assert.deepEqual([idle.primary, idle.priority], [false, 0]);
  dataOf(await production.api.put(`/v1/integrations/${idle._id}`, { active: true, check: false }));
  assert.deepEqual(await ranks(production, idle), ['- 1']);
});

fact('conditions take the primary flag away, and setting primary takes the conditions away', async () => {
  const integration = await make.integration({ providerId: 'twilio', channel: 'sms' });
  assert.equal(integration.primary, true);
  dataOf(await api.put(`/v1/integrations/${integration._id}`, { conditions, check: false }));
  assert.equal((await find({ api }, integration)).primary, false);
  const chosen = dataOf(await api.post(`/v1/integrations/${integration._id}/set-primary`));
  assert.deepEqual([chosen.primary, chosen.active, chosen.conditions], [true, true, []]);
});

fact('setting primary activates, and deleting the primary leaves none', async () => {
  const email = (rest) => make.integration({ providerId: 'sendgrid', channel: 'email', ...rest });
  const list = [await email(), await email(), await email()];
  const idle = await email({ active: false });
  assert.equal(dataOf(await api.post(`/v1/integrations/${idle._id}/set-primary`)).active, true);
  assertStatus(await api.delete(`/v1/integrations/${idle._id}`), 200);
  assert.deepEqual((await ranks({ api }, ...list)).sort(), ['- 1', '- 2', '- 3']);
  assertStatus(await api.delete(`/v1/integrations/${list[0]._id}`), 200);
  assert.deepEqual((await ranks({ api }, list[1], list[2])).sort(), ['- 1', '- 2']);
});

fact('chat, push and in-app know no primary', async () => {
  const chat = await make.integration();
  assert.deepEqual([chat.primary, chat.priority], [false, 0]);
  assertRefused(await api.post(`/v1/integrations/${chat._id}/set-primary`), 400, 'Channel chat does not support primary');
});

fact('setting primary wants the id of an existing integration', async () => {
  assertRefused(await api.post(`/v1/integrations/${unknownId}/set-primary`), 404, `Integration with id ${unknownId} not found`);
  const error = await refusal(novu.integrations.setAsPrimary('not-an-id'));
  assert.equal(error.statusCode, 422);
  assert.equal(error.name, 'ValidationErrorDto');
  assert.deepEqual(error.errors.integrationId.messages, ['integrationId must be a mongodb id']);
});
