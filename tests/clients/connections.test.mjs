import assert from 'node:assert/strict';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertWalks } from './harness/cursor.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { oneByOne, unique, world } from './harness/world.mjs';

// Refresh tokens of these tests are exchanged with nobody: nothing listens there.
const server = await startServer({ settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: 'http://127.0.0.1:1' } });
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });
const novu = sdk(server);
const root = '/v1/channel-connections';
const environment = dataOf(await api.get('/v1/environments/me'));

const rotating = await make.integration({ credentials: { clientId: 'client', secretKey: 'secret' } });
const plain = await make.integration();
const discord = await make.integration({ providerId: 'discord' });

/** A valid body, changed by `change`. */
const body = (change = {}) => ({
  integrationIdentifier: plain.identifier,
  workspace: { id: 'T1', name: 'Acme' },
  auth: { accessToken: 'xoxb-1' },
  ...change,
});
const post = (change) => api.post(root, body(change));

fact('a connection is created and read with its tokens in full', covers(
  'ChannelConnectionsController_createChannelConnection', 'ChannelConnectionsController_getChannelConnectionByIdentifier',
), async () => {
  const { subscriberId } = await make.subscriber();
  const { result } = await novu.channelConnections.create(body({ subscriberId, context: { tenant: { id: 'acme', data: { a: 1 } }, project: 'p1' } }));
  assert.match(result.identifier, /^chconn_[a-z0-9]{12}$/);
  assert.deepEqual({ ...result.auth }, { accessToken: 'xoxb-1' });
  assert.deepEqual({ ...result.workspace }, { id: 'T1', name: 'Acme' });
  assert.deepEqual(
    [result.channel, result.providerId, result.integrationIdentifier, result.subscriberId, result.contextKeys],
    ['chat', 'slack', plain.identifier, subscriberId, ['project:p1', 'tenant:acme']],
  );
  assert.deepEqual((await novu.channelConnections.retrieve(result.identifier)).result, result);
});

fact('every member is always there, and nothing internal is', async () => {
  const connection = dataOf(await post({ context: { tenant: unique('alone') } }), 201);
  const members = ['auth', 'channel', 'contextKeys', 'createdAt', 'identifier', 'integrationIdentifier', 'providerId', 'subscriberId', 'updatedAt', 'workspace'];
  assert.deepEqual(Object.keys(connection).filter((key) => key !== 'health').sort(), members);
  assert.equal(connection.subscriberId, null);
  assert.ok(!('connectionMode' in connection));
  const { subscriberId } = await make.subscriber();
  const contextless = dataOf(await post({ subscriberId, workspace: { id: 'T1' } }), 201);
  assert.deepEqual(contextless.contextKeys, []);
  assert.deepEqual(contextless.workspace, { id: 'T1' });
});

fact('a body of the wrong shape is refused before anything else is looked at', async () => {
  const wrong = {
    'integrationIdentifier missing': [{ integrationIdentifier: undefined }, /^integrationIdentifier /],
    'integrationIdentifier a number': [{ integrationIdentifier: 5 }, 'integrationIdentifier must be a string'],
    'workspace missing': [{ workspace: undefined }, /^workspace /],
    'workspace a string': [{ workspace: 'T1' }, /^workspace /],
    'workspace.id missing': [{ workspace: {} }, /^workspace\.id /],
    'workspace.id a number': [{ workspace: { id: 5 } }, 'workspace.id must be a string'],
    'workspace.name a number': [{ workspace: { id: 'T1', name: 5 } }, 'workspace.name must be a string'],
    'auth missing': [{ auth: undefined }, /^auth /],
    'auth.accessToken missing': [{ auth: {} }, /^auth\.accessToken /],
    'auth.accessToken a number': [{ auth: { accessToken: 5 } }, 'auth.accessToken must be a string'],
    'auth.refreshToken an object': [{ auth: { accessToken: 'x', refreshToken: {} } }, 'auth.refreshToken must be a string'],
    'auth.expiresAt a number': [{ auth: { accessToken: 'x', expiresAt: 5 } }, /^auth\.expiresAt /],
    'subscriberId a number': [{ subscriberId: 5 }, 'subscriberId must be a string'],
    'identifier a number': [{ identifier: 5 }, 'identifier must be a string'],
    'connectionMode unknown': [{ connectionMode: 'both' }, 'connectionMode must be one of the following values: subscriber, shared'],
    'context a string': [{ context: 'tenant:acme' }, /^context/],
    'six contexts': [{ context: Object.fromEntries('abcdef'.split('').map((type) => [type, '1'])) }, /^context/],
    'a context id with a space': [{ context: { tenant: 'a b' } }, /^context/],
    'a context type with a colon': [{ context: { 'te:nant': 'a' } }, /^context/],
    'a context id of 101 characters': [{ context: { tenant: { id: 'a'.repeat(101) } } }, /^context/],
    'context data that is text': [{ context: { tenant: { id: 'a', data: 'text' } } }, /^context/],
  };
  for (const [name, [change, text]] of Object.entries(wrong)) {
    const response = await post({ subscriberId: 'nobody', ...change });
    assert.equal(response.status, 422, `${name}: ${response.text}`);
    assertInvalid(response, text);
  }
  assertInvalid(await post({ connectionMode: 'shared', auth: undefined }), /^auth /);
  assertInvalid(await api.post(root, []));
});

fact('five contexts are allowed', async () => {
  const context = Object.fromEntries('abcde'.split('').map((type) => [type, unique('five')]));
  assert.equal(dataOf(await post({ context }), 201).contextKeys.length, 5);
});

fact('the mode says who must be named, before the integration is looked up', async () => {
  const integrationIdentifier = 'no-such-integration';
  assertRefused(await post({ integrationIdentifier, subscriberId: 'a', connectionMode: 'shared' }), 400, 'context is required when connectionMode is "shared"');
  assertRefused(await post({ integrationIdentifier, context: { a: 'b' }, connectionMode: 'subscriber' }), 400, 'subscriberId is required when connectionMode is "subscriber"');
  assertRefused(await post({ integrationIdentifier }), 400, 'Either subscriberId or context must be provided');
});

fact('an unknown integration is a 404, before token and subscriber are looked at', async () => {
  const auth = { accessToken: 'x', refreshToken: 'y' };
  assertRefused(await post({ integrationIdentifier: 'no-such-integration', subscriberId: 'nobody', auth }), 404, 'Integration not found: no-such-integration');
});

fact('a refresh token needs a provider that rotates, and its client', async () => {
  const auth = { accessToken: 'x', refreshToken: 'y' };
  const subscriberId = 'nobody';
  assertRefused(
    await post({ integrationIdentifier: discord.identifier, subscriberId, auth }),
    400,
    'Token rotation is not supported for provider "discord". Remove refreshToken from the connection auth.',
  );
  const halves = [plain, await make.integration({ credentials: { clientId: 'c' } }), await make.integration({ credentials: { secretKey: 's' } })];
  for (const { identifier } of halves) {
    assertRefused(
      await post({ integrationIdentifier: identifier, subscriberId, auth }),
      400,
      `Integration "${identifier}" must have clientId and secretKey configured to store a rotating refresh token.`,
    );
  }
});

fact('a refresh token without an expiry is due at once', async () => {
  const { subscriberId } = await make.subscriber();
  const before = Date.now();
  const { auth } = dataOf(await post({ integrationIdentifier: rotating.identifier, subscriberId, auth: { accessToken: 'x', refreshToken: 'y' } }), 201);
  const due = Date.parse(auth.expiresAt);
  assert.ok(before <= due && due <= Date.now());
  assert.equal(auth.refreshToken, 'y');

  const given = { accessToken: 'x', refreshToken: 'z', expiresAt: '2031-01-02T03:04:05.000Z', refreshTokenExpiresAt: '2032-01-02T03:04:05.000Z' };
  const other = await make.subscriber();
  assert.deepEqual(dataOf(await post({ integrationIdentifier: rotating.identifier, subscriberId: other.subscriberId, auth: given }), 201).auth, given);
});

fact('an unknown subscriber is a 404, in shared mode too', async () => {
  assertRefused(await post({ subscriberId: 'nobody' }), 404, 'Subscriber not found: nobody');
  assertRefused(await post({ subscriberId: 'nobody', context: { a: 'b' }, connectionMode: 'shared' }), 404, 'Subscriber not found: nobody');
});

fact('integration, subscriber and exact context set are taken once', async () => {
  const { subscriberId } = await make.subscriber();
  const [tenant, project] = [unique('t'), unique('p')];
  const id = plain.identifier;
  const refused = async (change, who, what, { identifier }) =>
    assertRefused(
      await post(change), 409,
      `A channel connection already exists for integration "${id}" with ${who} and ${what}. Connection ID: ${identifier}`,
    );

  const both = dataOf(await post({ subscriberId, context: { tenant, project } }), 201);
  await refused({ subscriberId, context: { project, tenant } }, `subscriberId "${subscriberId}"`, `context [project:${project}, tenant:${tenant}]`, both);

  const bare = dataOf(await post({ subscriberId }), 201);
  await refused({ subscriberId }, `subscriberId "${subscriberId}"`, 'no context', bare);

  const shared = dataOf(await post({ context: { tenant } }), 201);
  await refused({ context: { tenant } }, 'no subscriberId', `context [tenant:${tenant}]`, shared);

  assertStatus(await post({ subscriberId, context: { tenant } }), 201);
  assertStatus(await post({ integrationIdentifier: discord.identifier, subscriberId, context: { tenant, project } }), 201);
});

fact('shared mode checks the subscriber, but stores none, and is taken once', async () => {
  const { subscriberId } = await make.subscriber();
  const context = { tenant: unique('shared') };
  const connection = dataOf(await post({ subscriberId, context, connectionMode: 'shared' }), 201);
  assert.equal(connection.subscriberId, null);
  assertRefused(await post({ subscriberId, context, connectionMode: 'shared' }), 409, /^A channel connection already exists /);
  assertStatus(await post({ subscriberId, context, connectionMode: 'subscriber' }), 201);
});

fact('an identifier is taken once in an environment, after the pair was checked', async () => {
  const identifier = unique('Any characters: é/');
  const { subscriberId } = await make.subscriber();
  assert.equal(dataOf(await post({ subscriberId, identifier }), 201).identifier, identifier);
  const other = await make.subscriber();
  assertRefused(
    await post({ subscriberId: other.subscriberId, identifier }), 409,
    `Channel connection with identifier "${identifier}" already exists in environment "${environment._id}"`,
  );
  assertRefused(await post({ subscriberId, identifier }), 409, /^A channel connection already exists /);
  const integration = await production.integration();
  const subscriber = await production.subscriber();
  const elsewhere = await production.connection({ integration, subscriber, identifier });
  assert.equal(elsewhere.identifier, identifier);
});

fact('twenty creates of one connection at once give one 201 and nineteen 409', async () => {
  const { subscriberId } = await make.subscriber();
  const create = () => novu.channelConnections.create(body({ subscriberId, context: { tenant: 'race' } }));
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, create));
  const winners = outcomes.filter(({ status }) => status === 'fulfilled');
  assert.equal(winners.length, 1);
  const { identifier } = winners[0].value.result;
  for (const { reason } of outcomes.filter(({ status }) => status === 'rejected')) {
    assert.equal(reason.statusCode, 409);
    assert.ok(reason.message.endsWith(`Connection ID: ${identifier}`), reason.message);
  }
  assert.equal((await api.get(`${root}?subscriberId=${subscriberId}&connectionMode=subscriber`)).body.totalCount, 1);
});

fact('twenty creates of one identifier at once leave one', async () => {
  const identifier = unique('same');
  const subscribers = await Promise.all(Array.from({ length: 20 }, () => make.subscriber()));
  const answers = await Promise.all(subscribers.map(({ subscriberId }) => post({ subscriberId, identifier })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array(19).fill(409)]);
});

fact('the integration may be inactive and of any channel', async () => {
  const { subscriberId } = await make.subscriber();
  const inactive = await make.integration({ active: false });
  const email = await make.integration({ providerId: 'sendgrid', channel: 'email' });
  assertStatus(await post({ integrationIdentifier: inactive.identifier, subscriberId }), 201);
  const connection = dataOf(await post({ integrationIdentifier: email.identifier, subscriberId }), 201);
  assert.deepEqual([connection.channel, connection.providerId], ['email', 'sendgrid']);
});

// Lists

const identifiers = (page) => page.data.map(({ identifier }) => identifier).sort();
const listed = async (query) => identifiers((await novu.channelConnections.list(query)).result);

fact('tokens are masked in lists', covers('ChannelConnectionsController_listChannelConnections'), async () => {
  const { subscriberId } = await make.subscriber();
  const auth = { accessToken: 'xoxb-a-very-long-access-token', refreshToken: 'xoxe-a-very-long-refresh-token' };
  const created = dataOf(await post({ integrationIdentifier: rotating.identifier, subscriberId, auth }), 201);
  const page = await api.get(`${root}?subscriberId=${subscriberId}&connectionMode=subscriber`);
  const [row] = page.body.data;
  assert.equal(typeof row.auth.accessToken, 'string');
  for (const token of Object.values(auth)) assert.ok(!page.text.includes(token.slice(-12)));
  assert.equal(row.auth.expiresAt, created.auth.expiresAt, 'times are not secret');
  const { result } = await novu.channelConnections.list({ subscriberId, connectionMode: 'subscriber' });
  assert.equal(result.data[0].identifier, created.identifier);

  assertRefused(await api.patch(`${root}/${created.identifier}`, { workspace: { id: 'T2' }, auth: row.auth }), 400);
  const { workspace, auth: stored } = dataOf(await api.get(`${root}/${created.identifier}`));
  assert.deepEqual([workspace, stored], [created.workspace, created.auth], 'a mask that comes back changes nothing');
});

fact('a list by subscriber holds own and shared ones, unless the mode says otherwise', async () => {
  const [ann, beth] = [await make.subscriber(), await make.subscriber()];
  const integrationIdentifier = (await make.integration()).identifier;
  const context = { tenant: unique('modes') };
  const answers = await Promise.all([
    post({ integrationIdentifier, subscriberId: ann.subscriberId }),
    post({ integrationIdentifier, subscriberId: beth.subscriberId }),
    post({ integrationIdentifier, context, connectionMode: 'shared' }),
  ]);
  const [own, others, shared] = answers.map((answer) => dataOf(answer, 201).identifier);
  const by = (query) => listed({ integrationIdentifier, ...query });
  const { subscriberId } = ann;
  assert.deepEqual(await by({ subscriberId }), [own, shared].sort());
  assert.deepEqual(await by({ subscriberId, connectionMode: 'subscriber' }), [own]);
  assert.deepEqual(await by({ subscriberId, connectionMode: 'shared' }), [shared]);
  assert.deepEqual(await by({ connectionMode: 'subscriber' }), [own, others, shared].sort(), 'the mode alone filters nothing');
  assertInvalid(await api.get(`${root}?connectionMode=both`), /^connectionMode /);
});

fact('a list filters by channel, provider and integration', async () => {
  const { subscriberId } = await make.subscriber();
  const twilio = await make.integration({ providerId: 'twilio', channel: 'sms' });
  const answers = await Promise.all([plain, twilio].map(({ identifier }) => post({ integrationIdentifier: identifier, subscriberId })));
  const [slack, sms] = answers.map((answer) => dataOf(answer, 201).identifier);
  const by = (query) => listed({ subscriberId, connectionMode: 'subscriber', ...query });
  assert.deepEqual(await by({}), [slack, sms].sort());
  assert.deepEqual(await by({ channel: 'sms' }), [sms]);
  assert.deepEqual(await by({ providerId: 'slack' }), [slack]);
  assert.deepEqual(await by({ integrationIdentifier: twilio.identifier }), [sms]);
  assert.deepEqual(await by({ integrationIdentifier: 'unknown' }), []);
  assertInvalid(await api.get(`${root}?providerId=carrier-pigeon`), /^providerId /);
  assertInvalid(await api.get(`${root}?channel=pigeon`), /^channel /);
});

fact('contextKeys compares whole sets in any order, and empty means without context', async () => {
  const { subscriberId } = await make.subscriber();
  const contexts = [undefined, { tenant: 'ck' }, { tenant: 'ck', project: 'ck' }];
  const made = [];
  for (const context of contexts) made.push(dataOf(await post({ subscriberId, context }), 201).identifier);
  const [none, one, two] = made;
  const by = (contextKeys) => listed({ subscriberId, connectionMode: 'subscriber', contextKeys });
  assert.deepEqual(await by(undefined), [...made].sort());
  assert.deepEqual(await by([]), [...made].sort());
  assert.deepEqual(await by(['']), [none]);
  assert.deepEqual(await by(['tenant:ck']), [one]);
  assert.deepEqual(await by(['tenant:ck', 'project:ck']), [two]);
  assert.deepEqual(await by(['project:ck', 'tenant:ck']), [two]);
  assert.deepEqual(await by(['', 'tenant:ck']), [one], 'empty strings in a list are dropped');
  assert.deepEqual(await by(['project:ck']), []);
  const raw = async (query) => identifiers((await api.get(`${root}?subscriberId=${subscriberId}&connectionMode=subscriber&${query}`)).body);
  assert.deepEqual(await raw('contextKeys='), [none]);
  assert.deepEqual(await raw('contextKeys[]=tenant%3Ack&contextKeys[]=project%3Ack'), [two]);
  assert.deepEqual(await raw('contextKeys[]=tenant:ck'), [one]);
});

fact('a list is paged by cursors both ways, newest first', async () => {
  const { subscriberId } = await make.subscriber();
  const made = await oneByOne(5, (number) => post({ subscriberId, context: { page: `n${number}` } }).then((answer) => dataOf(answer, 201)));
  const newestFirst = made.map(({ identifier }) => identifier).reverse();
  const list = async (query) => (await novu.channelConnections.list({ subscriberId, connectionMode: 'subscriber', ...query })).result;
  await assertWalks(list, 'identifier', newestFirst);

  await oneByOne(1, () => api.patch(`${root}/${newestFirst.at(-1)}`, { workspace: { id: 'T9' }, auth: { accessToken: 'y' } }));
  const byUpdate = [newestFirst.at(-1), ...newestFirst.slice(0, -1)];
  await assertWalks((query) => list({ orderBy: 'updatedAt', ...query }), 'identifier', byUpdate);
  await assertWalks((query) => list({ orderBy: 'createdAt', ...query }), 'identifier', newestFirst);
});

fact('a list takes one cursor, a limit up to 100 and an order that it knows', async () => {
  const [first] = (await api.get(`${root}?limit=1`)).body.data;
  assert.ok(first);
  const id = '0123456789abcdef01234567';
  assertRefused(await api.get(`${root}?after=${id}&before=${id}`), 400, 'Cannot specify both "before" and "after" cursors at the same time.');
  const nowhere = { data: [], next: null, previous: null, totalCount: 0, totalCountCapped: false };
  for (const cursor of [`after=${id}`, `before=${id}`, 'after=not-an-id', 'before=%20']) {
    assert.deepEqual(assertStatus(await api.get(`${root}?${cursor}`), 200).body, nowhere, cursor);
  }
  assertInvalid(await api.get(`${root}?limit=101`), 'limit must not be greater than 100');
  assertInvalid(await api.get(`${root}?limit=many`), /^limit /);
  assertInvalid(await api.get(`${root}?orderBy=identifier`), /^orderBy /);
  assertInvalid(await api.get(`${root}?orderDirection=UP`), /^orderDirection /);
  assertStatus(await api.get(`${root}?limit=100`), 200);
});

fact('a limit of 0 means the default of 10', async () => {
  const { subscriberId } = await make.subscriber();
  for (let number = 0; number < 11; number += 1) assertStatus(await post({ subscriberId, context: { many: `n${number}` } }), 201);
  for (const query of ['', '&limit=0']) {
    const page = (await api.get(`${root}?subscriberId=${subscriberId}&connectionMode=subscriber${query}`)).body;
    assert.equal(page.data.length, 10);
    assert.equal(page.totalCount, 11);
    assert.equal(typeof page.next, 'string');
  }
});

// One connection

fact('an unknown connection is a 404, in the words of each verb', async () => {
  assertRefused(await api.get(`${root}/nothing`), 404, "Channel connection with identifier 'nothing' not found");
  assertRefused(await api.delete(`${root}/nothing`), 404, "Channel connection with identifier 'nothing' not found");
  assertRefused(
    await api.patch(`${root}/nothing`, { workspace: { id: 'T1' }, auth: { accessToken: 'x' } }), 404,
    'Channel connection with identifier "nothing" not found',
  );
  assert.equal((await refusal(novu.channelConnections.retrieve('nothing'))).name, 'ErrorDto');
});

fact('a patch replaces workspace and auth as wholes', covers('ChannelConnectionsController_updateChannelConnection'), async () => {
  const { subscriberId } = await make.subscriber();
  const auth = { accessToken: 'a1', refreshToken: 'r1' };
  const [created] = await oneByOne(1, () => post({ integrationIdentifier: rotating.identifier, subscriberId, auth }).then((answer) => dataOf(answer, 201)));
  const { result } = await novu.channelConnections.update({ workspace: { id: 'T2' }, auth: { accessToken: 'a2' } }, created.identifier);
  assert.deepEqual({ ...result.workspace }, { id: 'T2' });
  assert.deepEqual({ ...result.auth }, { accessToken: 'a2' }, 'the refresh token is gone');
  assert.equal(result.createdAt, created.createdAt);
  assert.ok(result.updatedAt > created.updatedAt);
  assert.deepEqual(dataOf(await api.get(`${root}/${created.identifier}`)).auth, { accessToken: 'a2' });

  const before = Date.now();
  const renewed = dataOf(await api.patch(`${root}/${created.identifier}`, { workspace: { id: 'T2' }, auth: { accessToken: 'a3', refreshToken: 'r3' } }));
  assert.ok(Date.parse(renewed.auth.expiresAt) >= before, 'a refresh token without an expiry is due at once');
});

fact('a patch needs both parts and changes nothing else', async () => {
  const { subscriberId } = await make.subscriber();
  const { identifier } = dataOf(await post({ subscriberId }), 201);
  const [workspace, auth] = [{ id: 'T1' }, { accessToken: 'x' }];
  assertInvalid(await api.patch(`${root}/${identifier}`, { auth }), /^workspace /);
  assertInvalid(await api.patch(`${root}/${identifier}`, { workspace }), /^auth /);
  assertInvalid(await api.patch(`${root}/${identifier}`, { workspace, auth: { accessToken: 5 } }), /^auth\.accessToken /);
  const other = dataOf(await api.patch(`${root}/${identifier}`, { workspace, auth, subscriberId: 'someone', identifier: 'new', context: { a: 'b' } }));
  assert.deepEqual([other.identifier, other.subscriberId, other.contextKeys], [identifier, subscriberId, []]);
});

fact('a patch with a refresh token is held to the rules of a create', async () => {
  const { subscriberId } = await make.subscriber();
  const patch = async (integration) => {
    const { identifier } = dataOf(await post({ integrationIdentifier: integration.identifier, subscriberId }), 201);
    return api.patch(`${root}/${identifier}`, { workspace: { id: 'T1' }, auth: { accessToken: 'x', refreshToken: 'y' } });
  };
  assertRefused(await patch(discord), 400, 'Token rotation is not supported for provider "discord". Remove refreshToken from the connection auth.');
  assertRefused(await patch(plain), 400, `Integration "${plain.identifier}" must have clientId and secretKey configured to store a rotating refresh token.`);
});

fact('connections that share a token part when one of them gets another', async () => {
  const auth = { accessToken: unique('shared-token'), refreshToken: 'r1', expiresAt: '2031-01-01T00:00:00.000Z' };
  const sharing = async () => dataOf(await post({ integrationIdentifier: rotating.identifier, subscriberId: (await make.subscriber()).subscriberId, auth }), 201).identifier;
  const [one, two] = [await sharing(), await sharing()];
  const read = async (identifier) => dataOf(await api.get(`${root}/${identifier}`)).auth;
  const workspace = { id: 'T1' };

  dataOf(await api.patch(`${root}/${one}`, { workspace, auth: { accessToken: auth.accessToken } }));
  assert.deepEqual(await read(one), { accessToken: auth.accessToken });
  assert.deepEqual(await read(two), auth, 'dropping the refresh token of one leaves the other its own');

  dataOf(await api.patch(`${root}/${two}`, { workspace, auth: { accessToken: 'quite-another' } }));
  assert.deepEqual(await read(one), { accessToken: auth.accessToken });
  assert.deepEqual(await read(two), { accessToken: 'quite-another' });
});

fact('deleting a connection leaves its endpoints where they are', covers('ChannelConnectionsController_deleteChannelConnection'), async () => {
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration: plain, subscriber });
  const endpoint = await make.endpoint({ integration: plain, subscriber, connection, type: 'slack_channel', endpoint: { channelId: 'C1' } });
  await novu.channelConnections.delete(connection.identifier);
  assertRefused(await api.get(`${root}/${connection.identifier}`), 404);
  assert.deepEqual(await listed({ subscriberId: subscriber.subscriberId, connectionMode: 'subscriber' }), []);
  assert.equal(dataOf(await api.get(`/v1/channel-endpoints/${endpoint.identifier}`)).connectionIdentifier, connection.identifier);
  assertStatus(await post({ subscriberId: subscriber.subscriberId }), 201);
});
