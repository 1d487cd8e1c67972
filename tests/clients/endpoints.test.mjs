import assert from 'node:assert/strict';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertWalks } from './harness/cursor.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { oneByOne, unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });
const novu = sdk(server);
const root = '/v1/channel-endpoints';
const environment = dataOf(await api.get('/v1/environments/me'));

const slack = await make.integration();
const webex = await make.integration({ providerId: 'webex-messaging', credentials: { clientId: 'c', secretKey: 's' } });
const pagerduty = await make.integration({ providerId: 'pagerduty', channel: 'tool' });
const opsgenie = await make.integration({ providerId: 'opsgenie', channel: 'tool' });
const grafana = await make.integration({ providerId: 'grafana-on-call', channel: 'chat' });
const dynamic = await make.integration({ providerId: 'tool-webhook', channel: 'tool', credentials: { routingMode: 'dynamic' } });
const fixed = await make.integration({ providerId: 'tool-webhook', channel: 'tool' });

const somebody = await make.subscriber();
const webexConnection = await make.connection({ integration: webex, subscriber: somebody });

const hook = { type: 'webhook', endpoint: { url: 'https://hooks.example.com/1' } };
const post = (change, where = api) =>
  where.post(root, { integrationIdentifier: slack.identifier, subscriberId: somebody.subscriberId, ...hook, ...change });

const routingKey = 'A1b2C3d4E5f6A1b2C3d4E5f6A1b2C3d4';
const apiKey = 'A1b2C3d4-E5f6-A1b2-C3d4-E5f6A1b2C3d4';
const url = 'https://hooks.example.com/2';

// Each type with the integration and connection that it needs, what fits it and what does not.
const types = {
  slack_channel: { fits: [{ channelId: 'C1' }], not: [{}, { channelId: 5 }, { channelId: 'C1', more: 'x' }, { userId: 'U1' }] },
  slack_user: { fits: [{ userId: 'U1' }], not: [{}, { userId: null }, { userId: 'U1', more: 'x' }, { channelId: 'C1' }] },
  webhook: { fits: [{ url }, { url, channel: 'general' }, { url: 'not a url' }], not: [{}, { channel: 'x' }, { url: 5 }, { url, channel: 5 }, { url, more: 'x' }, { url, channel: 'x', more: 'x' }] },
  phone: { fits: [{ phoneNumber: '+15550100' }, { phoneNumber: 'anything' }], not: [{}, { phoneNumber: 15550100 }, { phoneNumber: '+1', more: 'x' }] },
  ms_teams_channel: { fits: [{ teamId: 'T', channelId: 'C' }], not: [{ teamId: 'T' }, { channelId: 'C' }, { teamId: 'T', channelId: 5 }, { teamId: 'T', channelId: 'C', more: 'x' }] },
  ms_teams_user: { fits: [{ userId: 'M1' }, { userId: 'M2', tenantId: 'T' }], not: [{}, { tenantId: 'T' }, { userId: 5 }, { userId: 'M', tenantId: 5 }, { userId: 'M', more: 'x' }] },
  telegram_chat: { fits: [{ chatId: '123' }], not: [{}, { chatId: 123 }, { chatId: '1', more: 'x' }] },
  line_user: { fits: [{ userId: 'L1' }], not: [{}, { userId: 5 }, { userId: 'L', more: 'x' }] },
  webex_room: { in: webex, on: webexConnection, fits: [{ roomId: 'R' }, { roomId: 'R', parentId: 'P' }], not: [{}, { roomId: '' }, { roomId: 'R', parentId: '' }, { roomId: 'R', more: 'x' }] },
  webex_person: { in: webex, on: webexConnection, fits: [{ personId: 'P' }, { personEmail: 'p@example.com' }], not: [{}, { personId: '' }, { personEmail: '' }, { personId: 'P', personEmail: 'p@example.com' }, { personId: 'P', more: 'x' }] },
  pagerduty_service: { in: pagerduty, fits: [{ routingKey, region: 'us' }], not: [{ routingKey }, { region: 'us' }, { routingKey: routingKey.slice(1), region: 'us' }, { routingKey: `${routingKey.slice(1)}-`, region: 'us' }, { routingKey, region: 'ap' }, { routingKey, region: 'eu', more: 'x' }] },
  opsgenie_integration: { in: opsgenie, fits: [{ apiKey, region: 'eu' }], not: [{ apiKey }, { region: 'eu' }, { apiKey: apiKey.replaceAll('-', ''), region: 'eu' }, { apiKey, region: 'ap' }, { apiKey, region: 'us', more: 'x' }] },
  grafana_oncall_integration: { in: grafana, fits: [{ url, authToken: 'secret' }], not: [{}, { authToken: 'secret' }, { url: 5 }] },
  tool_webhook: { in: dynamic, fits: [{ url }, { url, method: 'PUT', headers: { 'x-a': 'b' } }], not: [{}, { url: 'ftp://example.com' }, { url: 'nowhere' }, { url, method: 'GET' }, { url, headers: { a: 5 } }, { url, headers: 'a' }, { url, more: 'x' }] },
};

const shape = (type, endpoint, change = {}) => ({
  integrationIdentifier: (types[type].in ?? slack).identifier,
  ...(types[type].on && { connectionIdentifier: types[type].on.identifier }),
  type,
  endpoint,
  ...change,
});

for (const [type, { fits, not }] of Object.entries(types)) {
  fact(`${type} takes its exact shapes and no other`, async () => {
    const unfit = new RegExp(`Endpoint must match the required format for type "${type}"`);
    for (const endpoint of fits) {
      const { subscriberId } = await make.subscriber();
      const change = type.startsWith('webex') ? {} : { subscriberId };
      const created = dataOf(await post(shape(type, endpoint, change)), 201);
      assert.equal(created.type, type);
      assert.deepEqual(created.endpoint, endpoint);
      const { result } = await novu.channelEndpoints.retrieve(created.identifier);
      assert.deepEqual([result.type, result.identifier], [type, created.identifier], 'the SDK reads it');
      for (const wrong of not) {
        const refused = await api.patch(`${root}/${created.identifier}`, { endpoint: wrong });
        assertRefused(refused, 400, `Endpoint must match the required format for type "${type}"`);
      }
      assert.deepEqual(dataOf(await api.get(`${root}/${created.identifier}`)).endpoint, endpoint);
    }
    for (const wrong of not) assertInvalid(await post(shape(type, wrong)), unfit);
    for (const wrong of ['text', 5, ['a'], null, undefined]) assertInvalid(await post(shape(type, wrong)), /endpoint/i);
  });
}

fact('an endpoint is created and read', covers(
  'ChannelEndpointsController_createChannelEndpoint', 'ChannelEndpointsController_getChannelEndpoint',
), async () => {
  const connection = await make.connection({ integration: slack, subscriber: somebody });
  const { result } = await novu.channelEndpoints.create({
    type: 'slack_channel', integrationIdentifier: slack.identifier, connectionIdentifier: connection.identifier,
    subscriberId: somebody.subscriberId, context: { tenant: 'acme', project: { id: 'p1' } }, endpoint: { channelId: 'C000000001' },
  });
  assert.match(result.identifier, /^chendp_[a-z0-9]{12}$/);
  assert.deepEqual(
    [result.channel, result.providerId, result.integrationIdentifier, result.connectionIdentifier, result.subscriberId],
    ['chat', 'slack', slack.identifier, connection.identifier, somebody.subscriberId],
  );
  assert.deepEqual(result.contextKeys, ['project:p1', 'tenant:acme']);
  assert.deepEqual({ ...result.endpoint }, { channelId: 'C000000001' });
  assert.deepEqual((await novu.channelEndpoints.retrieve(result.identifier)).result, result);
});

fact('every member is always there, and nothing internal is', async () => {
  const endpoint = dataOf(await post({}), 201);
  const members = ['channel', 'connectionIdentifier', 'contextKeys', 'createdAt', 'endpoint', 'identifier', 'integrationIdentifier', 'providerId', 'subscriberId', 'type', 'updatedAt'];
  assert.deepEqual(Object.keys(endpoint).filter((key) => key !== 'health').sort(), members);
  assert.equal(endpoint.connectionIdentifier, null);
});

fact('a body of the wrong shape is refused before anything else is looked at', async () => {
  const wrong = [
    [{ subscriberId: undefined }, /^subscriberId /],
    [{ subscriberId: 5 }, 'subscriberId must be a string'],
    [{ integrationIdentifier: undefined }, /^integrationIdentifier /],
    [{ type: undefined }, /^type /],
    [{ type: 'carrier_pigeon' }, /^type must be one of the following values: /],
    [{ identifier: 5 }, 'identifier must be a string'],
    [{ connectionIdentifier: 5 }, 'connectionIdentifier must be a string'],
    [{ createSubscriberIfMissing: 'yes' }, 'createSubscriberIfMissing must be a boolean value'],
    [{ context: Object.fromEntries('abcdef'.split('').map((type) => [type, '1'])) }, /^context/],
    [{ context: { tenant: 'a b' } }, /^context/],
  ];
  for (const [change, text] of wrong) assertInvalid(await post({ integrationIdentifier: 'unknown', ...change }), text);
});

fact('an unknown integration is a 404, before the subscriber is looked up', async () => {
  assertRefused(await post({ integrationIdentifier: 'unknown', subscriberId: 'nobody' }), 404, 'Integration not found: unknown');
});

fact('an unknown subscriber is refused unless it may be created', async () => {
  const subscriberId = unique('missing');
  const text = `Subscriber not found: ${subscriberId}. Pass createSubscriberIfMissing: true to create it, or provision it via POST /v1/subscribers.`;
  assertRefused(await post({ subscriberId }), 404, text);
  assertRefused(await post({ subscriberId, createSubscriberIfMissing: false }), 404, text);
  const { result } = await novu.channelEndpoints.create({
    ...hook, integrationIdentifier: slack.identifier, subscriberId, createSubscriberIfMissing: true,
  });
  assert.equal(result.subscriberId, subscriberId);
  assert.equal(dataOf(await api.get(`/v2/subscribers/${subscriberId}`)).subscriberId, subscriberId);
});

fact('createSubscriberIfMissing leaves an existing subscriber as it is', async () => {
  const subscriber = await make.subscriber({ firstName: 'Ann' });
  assertStatus(await post({ subscriberId: subscriber.subscriberId, createSubscriberIfMissing: true }), 201);
  assert.deepEqual(dataOf(await api.get(`/v2/subscribers/${subscriber.subscriberId}`)), subscriber);
});

fact('an identifier is taken once, after the subscriber was found', async () => {
  const identifier = unique('endpoint');
  assert.equal(dataOf(await post({ identifier }), 201).identifier, identifier);
  assertRefused(await post({ identifier }), 409, `Channel endpoint with identifier "${identifier}" already exists in environment "${environment._id}"`);
  assertRefused(await post({ identifier, subscriberId: 'nobody' }), 404, /^Subscriber not found: nobody/);
  assertRefused(await post({ identifier, type: 'webex_room', endpoint: { roomId: 'R' } }), 409, /already exists/);
});

fact('tool types need their own provider', async () => {
  const names = {
    pagerduty_service: 'a PagerDuty', opsgenie_integration: 'an Opsgenie', grafana_oncall_integration: 'a Grafana', tool_webhook: 'a Tool webhook',
  };
  for (const [type, name] of Object.entries(names)) {
    assertRefused(
      await post({ type, endpoint: types[type].fits[0] }), 400,
      `Channel endpoint type "${type}" requires ${name} integration`,
    );
  }
  assertRefused(
    await post(shape('tool_webhook', { url }, { integrationIdentifier: fixed.identifier })), 400,
    'tool_webhook endpoints require the Tool webhook integration to use dynamic routingMode',
  );
});

fact('tool types stand without a connection', async () => {
  const { subscriberId } = await make.subscriber();
  const connection = await make.connection({ integration: pagerduty, subscriber: { subscriberId } });
  const created = dataOf(await post(shape('pagerduty_service', { routingKey, region: 'us' }, { subscriberId, connectionIdentifier: connection.identifier })), 201);
  assert.equal(created.connectionIdentifier, null);
});

fact('a PagerDuty, Opsgenie or Grafana endpoint is taken once by a subscriber; a tool webhook is not', async () => {
  const { subscriberId } = await make.subscriber();
  const taken = { pagerduty_service: ['PagerDuty', pagerduty], opsgenie_integration: ['Opsgenie', opsgenie] };
  for (const [type, [label, integration]] of Object.entries(taken)) {
    const [endpoint] = types[type].fits;
    assertStatus(await post(shape(type, endpoint, { subscriberId })), 201);
    assertRefused(
      await post(shape(type, endpoint, { subscriberId })), 409,
      `${label} endpoint already exists for subscriber "${subscriberId}" on integration "${integration.identifier}"`,
    );
  }
  for (let time = 0; time < 2; time += 1) assertStatus(await post(shape('tool_webhook', { url }, { subscriberId })), 201);
});

fact('webex types need webex, a connection, and its exact context', async () => {
  for (const [type, endpoint] of [['webex_room', { roomId: 'R' }], ['webex_person', { personId: 'P' }]]) {
    assertRefused(await post({ type, endpoint }), 400, `Channel endpoint type "${type}" requires a Webex Messaging integration`);
    const onWebex = { type, endpoint, integrationIdentifier: webex.identifier };
    assertRefused(await post(onWebex), 400, `Channel endpoint type "${type}" requires a connectionIdentifier`);
    assertRefused(await post({ ...onWebex, connectionIdentifier: 'nothing' }), 404, 'Channel connection not found: nothing');
    assertRefused(
      await post({ ...onWebex, connectionIdentifier: webexConnection.identifier, context: { tenant: 'other' } }), 400,
      `Webex endpoint context must match channel connection "${webexConnection.identifier}" context`,
    );
  }
});

fact('a connection must exist on the same integration', async () => {
  const elsewhere = await make.integration();
  const connection = await make.connection({ integration: elsewhere, subscriber: somebody });
  for (const connectionIdentifier of ['nothing', connection.identifier]) {
    assertRefused(await post({ connectionIdentifier }), 404, `Channel connection not found: ${connectionIdentifier}`);
  }
});

fact('type and provider need not fit, and the integration may be inactive', async () => {
  const inactive = await make.integration({ providerId: 'discord', active: false });
  assertStatus(await post({ integrationIdentifier: inactive.identifier, type: 'slack_channel', endpoint: { channelId: 'C1' } }), 201);
  assertStatus(await post({ type: 'phone', endpoint: { phoneNumber: '+1' } }), 201);
});

fact('connection and endpoint may differ in subscriber and context', async () => {
  const other = await make.subscriber();
  const connection = await make.connection({ integration: slack, subscriber: other, context: { tenant: 'elsewhere' } });
  assertStatus(await post({ connectionIdentifier: connection.identifier, type: 'slack_channel', endpoint: { channelId: 'C1' } }), 201);
});

fact('identical endpoints that are not platform users may repeat', async () => {
  const { subscriberId } = await make.subscriber();
  for (const [type, endpoint] of [['slack_channel', { channelId: 'C1' }], ['webhook', { url }], ['phone', { phoneNumber: '+1' }], ['line_user', { userId: 'L' }]]) {
    for (let time = 0; time < 2; time += 1) assertStatus(await post({ subscriberId, type, endpoint }), 201);
  }
});

for (const type of ['slack_user', 'ms_teams_user']) {
  fact(`a ${type} belongs to one endpoint of an integration, and the refusal names it`, async () => {
    const userId = unique('platform-user');
    const first = dataOf(await post({ type, endpoint: { userId } }), 201);
    const other = await make.subscriber();
    for (const subscriberId of [other.subscriberId, somebody.subscriberId]) {
      const refused = await post({ type, endpoint: { userId }, subscriberId });
      assertRefused(refused, 400);
      assert.ok(refused.body.message.includes(first.identifier), refused.body.message);
    }
    const elsewhere = await make.integration();
    assertStatus(await post({ type, endpoint: { userId }, integrationIdentifier: elsewhere.identifier }), 201);

    const second = dataOf(await post({ type, endpoint: { userId: unique('platform-user') }, subscriberId: other.subscriberId }), 201);
    const moved = await api.patch(`${root}/${second.identifier}`, { endpoint: { userId } });
    assertRefused(moved, 400);
    assert.ok(moved.body.message.includes(first.identifier), moved.body.message);

    assertStatus(await api.delete(`${root}/${first.identifier}`), 204);
    assertStatus(await api.patch(`${root}/${second.identifier}`, { endpoint: { userId } }), 200);
  });
}

fact('twenty creates of one platform user at once leave one endpoint', async () => {
  const userId = unique('platform-user');
  const subscribers = await Promise.all(Array.from({ length: 20 }, () => make.subscriber()));
  const answers = await Promise.all(subscribers.map(({ subscriberId }) => post({ type: 'slack_user', endpoint: { userId }, subscriberId })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array(19).fill(400)]);
});

fact('twenty creates of one identifier at once leave one endpoint', async () => {
  const identifier = unique('race');
  const answers = await Promise.all(Array.from({ length: 20 }, () => post({ identifier })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array(19).fill(409)]);
});

// Lists

const identifiers = (page) => page.data.map(({ identifier }) => identifier).sort();
const listed = async (query) => identifiers((await novu.channelEndpoints.list(query)).result);

fact('a list filters by subscriber, channel, provider, integration and connection', covers('ChannelEndpointsController_listChannelEndpoints'), async () => {
  const subscriber = await make.subscriber();
  const { subscriberId } = subscriber;
  const discord = await make.integration({ providerId: 'discord' });
  const connection = await make.connection({ integration: slack, subscriber });
  const onSlack = dataOf(await post({ subscriberId, type: 'slack_channel', endpoint: { channelId: 'C1' }, connectionIdentifier: connection.identifier }), 201).identifier;
  const onDiscord = dataOf(await post({ subscriberId, integrationIdentifier: discord.identifier }), 201).identifier;
  const tool = dataOf(await post(shape('tool_webhook', { url }, { subscriberId })), 201).identifier;
  assert.deepEqual(await listed({ subscriberId }), [onSlack, onDiscord, tool].sort());
  assert.deepEqual(await listed({ subscriberId, channel: 'tool' }), [tool]);
  assert.deepEqual(await listed({ subscriberId, providerId: 'discord' }), [onDiscord]);
  assert.deepEqual(await listed({ subscriberId, integrationIdentifier: slack.identifier }), [onSlack]);
  assert.deepEqual(await listed({ connectionIdentifier: connection.identifier }), [onSlack]);
  assert.deepEqual(await listed({ subscriberId: 'nobody' }), []);
  assertInvalid(await api.get(`${root}?providerId=carrier-pigeon`), /^providerId /);
  assertInvalid(await api.get(`${root}?channel=pigeon`), /^channel /);
});

fact('contextKeys compares whole sets in any order, and empty means without context', async () => {
  const { subscriberId } = await make.subscriber();
  const made = [];
  for (const context of [undefined, { tenant: 'ck' }, { tenant: 'ck', project: 'ck' }]) made.push(dataOf(await post({ subscriberId, context }), 201).identifier);
  const [none, one, two] = made;
  const by = (contextKeys) => listed({ subscriberId, contextKeys });
  assert.deepEqual(await by([]), [...made].sort());
  assert.deepEqual(await by(['']), [none]);
  assert.deepEqual(await by(['tenant:ck']), [one]);
  assert.deepEqual(await by(['project:ck', 'tenant:ck']), [two]);
  assert.deepEqual(await by(['', 'tenant:ck']), [one]);
  assert.deepEqual(await by(['project:ck']), []);
});

fact('a list is paged by cursors both ways, newest first', async () => {
  const { subscriberId } = await make.subscriber();
  const made = await oneByOne(5, () => post({ subscriberId }).then((answer) => dataOf(answer, 201)));
  const newestFirst = made.map(({ identifier }) => identifier).reverse();
  const list = async (query) => (await novu.channelEndpoints.list({ subscriberId, ...query })).result;
  await assertWalks(list, 'identifier', newestFirst);
  await oneByOne(1, () => api.patch(`${root}/${newestFirst.at(-1)}`, { endpoint: { url: 'https://hooks.example.com/new' } }));
  await assertWalks((query) => list({ orderBy: 'updatedAt', ...query }), 'identifier', [newestFirst.at(-1), ...newestFirst.slice(0, -1)]);
});

fact('a list takes one cursor, a limit up to 100 and an order that it knows', async () => {
  const id = '0123456789abcdef01234567';
  assertRefused(await api.get(`${root}?after=${id}&before=${id}`), 400, 'Cannot specify both "before" and "after" cursors at the same time.');
  const nowhere = { data: [], next: null, previous: null, totalCount: 0, totalCountCapped: false };
  for (const cursor of [`after=${id}`, `before=${id}`, 'after=not-an-id']) {
    assert.deepEqual(assertStatus(await api.get(`${root}?${cursor}`), 200).body, nowhere);
  }
  assertInvalid(await api.get(`${root}?limit=101`), 'limit must not be greater than 100');
  assertInvalid(await api.get(`${root}?orderBy=identifier`), /^orderBy /);
});

// One endpoint

fact('an unknown endpoint is a 404, in the words of each verb', async () => {
  assertRefused(await api.get(`${root}/nothing`), 404, "Channel endpoint with identifier 'nothing' not found");
  assertRefused(await api.delete(`${root}/nothing`), 404, "Channel endpoint with identifier 'nothing' not found");
  assertRefused(
    await api.patch(`${root}/nothing`, { endpoint: { url } }), 404,
    `Channel endpoint with identifier "nothing" not found in environment "${environment._id}"`,
  );
  assert.equal((await refusal(novu.channelEndpoints.retrieve('nothing'))).statusCode, 404);
});

fact('a patch replaces the address as a whole and nothing else', covers('ChannelEndpointsController_updateChannelEndpoint'), async () => {
  const [created] = await oneByOne(1, () => post({ endpoint: { url, channel: 'general' } }).then((answer) => dataOf(answer, 201)));
  const { result } = await novu.channelEndpoints.update({ endpoint: { url: 'https://hooks.example.com/new' } }, created.identifier);
  assert.deepEqual({ ...result.endpoint }, { url: 'https://hooks.example.com/new' });
  assert.equal(result.createdAt, created.createdAt);
  assert.ok(result.updatedAt > created.updatedAt);
  const other = dataOf(await api.patch(`${root}/${created.identifier}`, { endpoint: { url }, type: 'phone', subscriberId: 'someone', identifier: 'new' }));
  assert.deepEqual([other.type, other.subscriberId, other.identifier], ['webhook', somebody.subscriberId, created.identifier]);
  assertInvalid(await api.patch(`${root}/${created.identifier}`, {}), /^endpoint /);
});

fact('deleting an endpoint leaves its connection', covers('ChannelEndpointsController_deleteChannelEndpoint'), async () => {
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration: slack, subscriber });
  const { identifier } = await make.endpoint({ integration: slack, subscriber, connection, ...hook });
  await novu.channelEndpoints.delete(identifier);
  assertRefused(await api.get(`${root}/${identifier}`), 404);
  assertStatus(await api.get(`/v1/channel-connections/${connection.identifier}`), 200);
});

fact('another environment may use the same identifier', async () => {
  const identifier = unique('both');
  assertStatus(await post({ identifier }), 201);
  const integration = await production.integration();
  const subscriber = await production.subscriber();
  const elsewhere = await production.endpoint({ integration, subscriber, identifier, ...hook });
  assert.equal(elsewhere.identifier, identifier);
});
