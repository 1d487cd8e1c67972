import assert from 'node:assert/strict';
import { after } from 'node:test';
import { fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf, http } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { bearer, begin, contextHashOf, given, hashOf, novu, session } from './harness/subscriber.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer({ settings: { CAMPANILE_TRUSTED_PROXIES: '127.0.0.1' } });
after(() => server.stop());

const { api, ...make } = world(server);
const connections = '/v1/inbox/channel-connections';
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const profileOf = async (subscriberId) => dataOf(await api.get(`/v2/subscribers/${subscriberId}`));

fact('a session begins with everything that the official client looks at', async () => {
  const context = { tenant: 'acme', project: 'p1' };
  const answer = dataOf(await begin(server, { subscriber: 'ann', context }), 201);
  const { token, ...rest } = answer;
  assert.deepEqual(rest, {
    totalUnreadCount: 0,
    unreadCount: { total: 0, severity: { high: 0, medium: 0, low: 0, none: 0 } },
    removeNovuBranding: true,
    isDevelopmentMode: true,
    maxSnoozeDurationHours: 0,
    contextKeys: ['project:p1', 'tenant:acme'],
    applicationIdentifier: server.identifiers.development,
  });
  const { _id } = await profileOf('ann');
  const { iat, exp, environmentId, organizationId, ...claims } = claimsOf(token);
  assert.deepEqual(claims, {
    _id, subscriberId: 'ann', contextKeys: ['project:p1', 'tenant:acme'], verified: false, contextVerified: false, epoch: 0, iss: 'novu_api', aud: 'widget_user',
  });
  const days = 24 * 60 * 60;
  assert.equal(exp - iat, 15 * days);
  const environment = dataOf(await api.get('/v1/environments/me'));
  assert.deepEqual([environmentId, organizationId], [environment._id, environment._organizationId]);
  assert.equal(dataOf(await api.get('/v2/contexts/tenant/acme')).id, 'acme');
  const production = dataOf(await begin(server, { applicationIdentifier: server.identifiers.production, subscriber: 'ann' }), 201);
  assert.equal(production.isDevelopmentMode, false);
});

fact('the official client begins one, and changes to another subscriber while it still holds the first one’s token', async () => {
  const client = novu(server, { subscriber: { subscriberId: unique('first'), firstName: 'A' } });
  assert.deepEqual(await given(client.channelConnections.list()), []);
  const second = unique('second');
  await client.changeSubscriber({ subscriber: { subscriberId: second, firstName: 'B' } });
  assert.deepEqual(await given(client.channelConnections.list()), []);
  assert.equal((await profileOf(second)).firstName, 'B');
});

fact('a subscriber is named in each of the three forms', async () => {
  for (const [name, body] of Object.entries({ text: { subscriber: 'in-a-text' }, object: { subscriber: { subscriberId: 'in-an-object', firstName: 'O', timezone: 'Europe/Vienna' } }, legacy: { subscriberId: 'as-of-old' } })) {
    const { token } = dataOf(await begin(server, body), 201);
    const { subscriberId } = claimsOf(token);
    assert.equal((await profileOf(subscriberId)).subscriberId, subscriberId, name);
  }
  assert.equal((await profileOf('in-an-object')).timezone, 'Europe/Vienna');
});

fact('what names nobody or nothing is refused as Novu refuses it', async () => {
  assertRefused(await begin(server, { applicationIdentifier: 'unknown', subscriber: 'ann' }), 400, 'Please provide a valid application identifier');
  assertRefused(await begin(server, { applicationIdentifier: '', subscriberId: '' }), 400, 'Keyless is not supported in community edition');
  assertInvalid(await begin(server, { applicationIdentifier: '', subscriber: 'ann' }), 'applicationIdentifier should not be empty');
  assertInvalid(await begin(server, {}), 'Subscriber ID is required');
  assertInvalid(await begin(server, { subscriber: { subscriberId: '' } }), /Subscriber ?I[dD] is required/);
  assertInvalid(await begin(server, { subscriber: 5 }), /^subscriber must be/);
  assertInvalid(await begin(server, { subscriber: 'ann', context: { tenant: 'a b' } }), /^context\.tenant/);
});

fact('only whom a hash vouches for is changed, and is told who they are', async () => {
  const { subscriberId } = await make.subscriber({ firstName: 'Ann', email: 'ann@example.com' });
  const body = { subscriber: { subscriberId, firstName: 'Mallory' } };
  const stranger = claimsOf(dataOf(await begin(server, body), 201).token);
  assert.equal((await profileOf(subscriberId)).firstName, 'Ann');
  assert.ok(!('email' in stranger) && !stranger.verified);
  dataOf(await begin(server, { ...body, subscriberHash: hashOf(server, 'somebody else') }), 201);
  assert.equal((await profileOf(subscriberId)).firstName, 'Ann');
  const herself = claimsOf(dataOf(await begin(server, { subscriber: { subscriberId, firstName: 'Anna' }, subscriberHash: hashOf(server, subscriberId) }), 201).token);
  assert.equal((await profileOf(subscriberId)).firstName, 'Anna');
  assert.deepEqual([herself.verified, herself.firstName, herself.email], [true, 'Anna', 'ann@example.com']);
});

fact('a context counts as verified with its own hash only', async () => {
  const context = { project: 'p1', tenant: 'acme' };
  const verified = async (body) => claimsOf(dataOf(await begin(server, { subscriber: 'ann', ...body }), 201).token).contextVerified;
  assert.equal(await verified({ context, contextHash: contextHashOf(server, context) }), true);
  assert.equal(await verified({ context: { tenant: 'acme', project: 'p1' }, contextHash: contextHashOf(server, context) }), true);
  assert.equal(await verified({ context: { tenant: 'other' }, contextHash: contextHashOf(server, context) }), false);
  assert.equal(await verified({ contextHash: contextHashOf(server, {}) }), false);
});

fact('a token that is missing, foreign, changed or of another scheme opens nothing', async () => {
  const { token } = await session(server, { subscriber: 'ann' });
  const [header, claims, signature] = token.split('.');
  const forged = Buffer.from(JSON.stringify({ ...claimsOf(token), subscriberId: 'bob' })).toString('base64url');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  for (const authorization of ['', 'Bearer', 'Bearer x', `Bearer ${header}.${forged}.${signature}`, `Bearer ${none}.${claims}.`, `ApiKey ${server.keys.development}`, `Basic ${token}`]) {
    assertRefused(await http(server).send('GET', connections, undefined, { authorization }), 401);
  }
  // Nor does a session open what is for keys.
  assertRefused(await bearer(server, token).get('/v1/channel-connections'), 401);
  assertStatus(await bearer(server, token).get(connections), 200);
});

fact('sessions end at once when they are revoked, and only this subscriber’s', async () => {
  const [ann, bob] = [unique('ann'), unique('bob')];
  const first = await session(server, { subscriber: ann });
  const second = await session(server, { subscriber: ann, context: { tenant: 'acme' } });
  const other = await session(server, { subscriber: bob });
  for (const each of [first, second, other]) assertStatus(await each.get(connections), 200);
  assertStatus(await api.post(`/v1/subscribers/${ann}/inbox-sessions/revoke`), 204);
  for (const each of [first, second]) assertRefused(await each.get(connections), 401);
  assertStatus(await other.get(connections), 200);
  assertStatus(await (await session(server, { subscriber: ann })).get(connections), 200);
  assertRefused(await api.post('/v1/subscribers/nobody/inbox-sessions/revoke'), 404, 'Subscriber not found: nobody');
});

fact('a subscriber who is deleted has no session any more, also when they come back', async () => {
  const subscriberId = unique('leaving');
  const ann = await session(server, { subscriber: subscriberId });
  dataOf(await api.delete(`/v2/subscribers/${subscriberId}`));
  await session(server, { subscriber: subscriberId });
  await eventually(async () => assertRefused(await ann.get(connections), 401));
});

fact('bodies may be empty, and a browser may ask before it calls', async () => {
  const { token } = await session(server, { subscriber: 'ann' });
  const answer = await http(server).send('DELETE', `${connections}/unknown`, '', { authorization: `Bearer ${token}` });
  assertRefused(answer, 404, "Channel connection with identifier 'unknown' not found");
  const asked = 'authorization,content-type,novu-api-version,novu-client-version,novu-application-identifier';
  const preflight = await fetch(server.url + connections, {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example.com', 'access-control-request-method': 'DELETE', 'access-control-request-headers': asked },
  });
  const allowed = preflight.headers.get('access-control-allow-headers');
  for (const header of asked.split(',')) assert.ok(allowed.includes(header), header);
  assert.match(preflight.headers.get('access-control-allow-methods'), /DELETE/);
});

fact('where the in-app integration asks for HMAC, nobody enters without', async () => {
  const inbox = dataOf(await api.get('/v1/integrations')).find(({ channel }) => channel === 'in_app');
  const change = async (body) => dataOf(await api.put(`/v1/integrations/${inbox._id}`, body));
  const refused = 'Please provide a valid HMAC hash';
  await change({ credentials: { hmac: true } });
  try {
    const ann = { subscriber: 'ann', subscriberHash: hashOf(server, 'ann') };
    const context = { tenant: 'acme' };
    assertRefused(await begin(server, { subscriber: 'ann' }), 400, refused);
    assertRefused(await begin(server, { ...ann, subscriberHash: 'beef' }), 400, refused);
    dataOf(await begin(server, ann), 201);
    assertRefused(await begin(server, { ...ann, context }), 400, refused);
    assertRefused(await begin(server, { ...ann, context, contextHash: 'beef' }), 400, refused);
    dataOf(await begin(server, { ...ann, context, contextHash: contextHashOf(server, context) }), 201);
  } finally {
    await change({ credentials: { hmac: false } });
  }
  await change({ active: false });
  assertRefused(await begin(server, { subscriber: 'ann' }), 404, 'The active in-app integration could not be found');
  await change({ active: true });
  dataOf(await begin(server, { subscriber: 'ann' }), 201);
});

fact('an address that guesses too often is sent away, others and good calls are not', async () => {
  const from = (address, body) => begin(server, { subscriber: 'ann', ...body }, { 'x-forwarded-for': address });
  const wrong = { applicationIdentifier: 'guess' };
  for (let time = 0; time < 60; time += 1) dataOf(await from('198.51.100.7', {}), 201);
  const statuses = [];
  for (let time = 0; time < 40; time += 1) statuses.push((await from('198.51.100.7', wrong)).status);
  assert.deepEqual([...new Set(statuses)], [400, 429]);
  const refused = await from('198.51.100.7', wrong);
  // Who knows what to say is not kept out by the guesses of a neighbour.
  dataOf(await from('198.51.100.7', {}), 201);
  assert.equal(refused.headers.get('retry-after'), '2');
  dataOf(await from('198.51.100.8', {}), 201);
});
