import assert from 'node:assert/strict';
import { after } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());
// Calls to this machine are for this one; the other one is as a server on the internet is.
const open = await startServer({ settings: { CAMPANILE_ALLOW_PRIVATE_NETWORKS: 'true' } });
after(() => open.stop());
const strict = await startServer();
after(() => strict.stop());

const { api, ...make } = world(open);
const integration = await make.integration();
const ENDPOINTS = '/v1/webhooks/endpoints';

/** A webhook endpoint on the receiver, under a path of its own. */
async function hook(rest = {}) {
  const path = `/${unique('hook')}`;
  const endpoint = dataOf(await api.post(ENDPOINTS, { url: `${receiver.url}${path}?token=canary-in-url`, ...rest }), 201);
  return { ...endpoint, path, at: `${ENDPOINTS}/${endpoint._id}` };
}

const connect = () => make.connection({ integration, subscriber: undefined, context: { tenant: unique('tenant') } });
/** Calls that came to a path, once there are so many. */
const came = (path, count = 1) =>
  eventually(() => {
    const requests = receiver.requests(path);
    assert.ok(requests.length >= count, `${requests.length} of ${count} calls came to ${path}`);
    return requests;
  });
const deliveries = async ({ at }, query = '') => dataOf(await api.get(`${at}/deliveries${query}`));
/** The newest delivery, once it is so. */
const newest = (endpoint, is) =>
  eventually(async () => {
    const [delivery] = await deliveries(endpoint);
    assert.ok(delivery && is(delivery), JSON.stringify(delivery));
    return delivery;
  });

fact('a receiver verifies what it gets with the package of the specification', async () => {
  const endpoint = await hook({ events: ['connection.*'], description: 'Mine' });
  assert.match(endpoint.secret, /^whsec_[A-Za-z0-9+/]+=*$/);
  const connection = await connect();
  const [request] = await came(endpoint.path);
  const event = new Webhook(endpoint.secret).verify(request.text, request.headers);
  assert.equal(event.type, 'connection.created');
  assert.equal(event.data.identifier, connection.identifier);
  assert.equal(event.data.integrationIdentifier, integration.identifier);
  assert.match(event.timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.equal(request.headers['content-type'].split(';')[0], 'application/json');
  assert.ok(!request.text.includes('xoxb'), 'no token goes out');
  assert.throws(() => new Webhook(endpoint.secret).verify(request.text.replace('created', 'deleted'), request.headers));
  assert.throws(() => new Webhook(`whsec_${Buffer.alloc(32, 7).toString('base64')}`).verify(request.text, request.headers));
});

fact('the secret is shown when it is made and by its own route, nowhere else', async () => {
  const endpoint = await hook();
  const { secret } = dataOf(await api.get(`${endpoint.at}/secret`));
  assert.equal(secret, endpoint.secret);
  for (const path of [endpoint.at, `${ENDPOINTS}?limit=100`]) {
    const { text } = assertStatus(await api.get(path), 200);
    assert.ok(!text.includes(secret) && text.includes('whsec_********'), path);
    assert.ok(text.includes('token=canary-in-url'), 'the address is shown in full');
  }
  const changed = await api.patch(endpoint.at, { description: 'other' });
  assert.ok(!changed.text.includes(secret));
});

fact('endpoints are listed by page, changed and deleted', async () => {
  const { _id, at } = await hook({ events: ['endpoint.broken', 'connection.created', 'connection.created'], active: false });
  const page = (await api.get(`${ENDPOINTS}?limit=1`)).body;
  assert.deepEqual(page.data.map((one) => one._id), [_id]);
  assert.equal(page.next, _id);
  const [before] = dataOf(await api.get(`${ENDPOINTS}?limit=1&after=${_id}`));
  assert.ok(before._id < _id);
  const read = dataOf(await api.get(at));
  assert.deepEqual(read.events, ['connection.created', 'endpoint.broken']);
  assert.equal(read.active, false);
  const url = `${receiver.url}/elsewhere`;
  const changed = dataOf(await api.patch(at, { url, description: 'd', events: [], active: true }));
  assert.deepEqual([changed.url, changed.description, changed.events, changed.active], [url, 'd', [], true]);
  assert.equal(dataOf(await api.patch(at, { description: null })).description, null);
  assertStatus(await api.delete(at), 204);
  for (const response of [await api.get(at), await api.patch(at, {}), await api.delete(at), await api.get(`${at}/secret`), await api.get(`${at}/deliveries`), await api.post(`${at}/test`)]) {
    assertRefused(response, 404, `Webhook endpoint ${_id} not found`);
  }
});

fact('after a rotation both secrets verify', async () => {
  const endpoint = await hook({ events: ['connection.created'] });
  const rotated = dataOf(await api.post(`${endpoint.at}/secret/rotate`), 201);
  assert.notEqual(rotated.secret, endpoint.secret);
  const left = Date.parse(rotated.previousUntil) - Date.now();
  assert.ok(left > 23 * 3600e3 && left <= 24 * 3600e3 + 60e3, rotated.previousUntil);
  await connect();
  const [request] = await came(endpoint.path);
  assert.equal(request.headers['webhook-signature'].split(' ').length, 2);
  for (const secret of [endpoint.secret, rotated.secret]) new Webhook(secret).verify(request.text, request.headers);
  assert.deepEqual(dataOf(await api.get(`${endpoint.at}/secret`)), rotated);
});

fact('what fails is tried again with the same id, and the log tells', async () => {
  const endpoint = await hook({ events: ['connection.created'] });
  receiver.answers(endpoint.path, { status: 503, body: 'come back later' }, { status: 200, body: 'thanks' });
  await connect();
  const [first, second] = await came(endpoint.path, 2);
  assert.equal(first.headers['webhook-id'], second.headers['webhook-id']);
  assert.equal(first.text, second.text);
  for (const request of [first, second]) new Webhook(endpoint.secret).verify(request.text, request.headers);
  const delivery = await newest(endpoint, ({ status }) => status === 'delivered');
  assert.equal(delivery.eventId, first.headers['webhook-id']);
  assert.deepEqual([delivery.event, delivery.attempts, delivery.lastHttpStatus, delivery.lastError], ['connection.created', 2, 200, null]);
  const whole = dataOf(await api.get(`${endpoint.at}/deliveries/${delivery._id}`));
  assert.deepEqual(whole.payload, first.json);
  assert.deepEqual(whole.calls.map(({ httpStatus, response }) => [httpStatus, response]), [[200, 'thanks'], [503, 'come back later']]);
  assert.match(whole.calls[1].error, /503/);
  assert.ok(whole.calls.every(({ duration, repeated }) => duration >= 0 && repeated === false));
});

fact('the log is narrowed by state and event', async () => {
  const endpoint = await hook();
  await connect();
  await newest(endpoint, ({ event, status }) => event === 'connection.created' && status === 'delivered');
  receiver.answers(endpoint.path, { status: 500 });
  const { deliveryId } = dataOf(await api.post(`${endpoint.at}/test`), 201);
  await newest(endpoint, ({ status }) => status === 'waiting');
  const found = async (query) => (await deliveries(endpoint, query)).map(({ event }) => event);
  assert.deepEqual(await found('?status=delivered'), ['connection.created']);
  assert.deepEqual(await found('?status=waiting'), ['webhook.test']);
  assert.deepEqual(await found('?event=webhook.test'), ['webhook.test']);
  assert.deepEqual(await found('?event=connection.created&status=waiting'), []);
  assert.deepEqual(await found('?limit=1'), ['webhook.test']);
  assert.deepEqual(await found(`?after=${deliveryId}`), ['connection.created']);
  assertInvalid(await api.get(`${endpoint.at}/deliveries?status=lost`), /^status must be one of/);
  assertInvalid(await api.get(`${endpoint.at}/deliveries?event=lost`), /^event must be one of/);
  assertRefused(await api.get(`${endpoint.at}/deliveries/nothing`), 404, 'Webhook delivery nothing not found');
});

fact('a test event goes to its endpoint alone, whatever that asked for', async () => {
  const [endpoint, other] = [await hook({ events: ['endpoint.broken'] }), await hook()];
  const { eventId } = dataOf(await api.post(`${endpoint.at}/test`), 201);
  const [request] = await came(endpoint.path);
  assert.equal(request.headers['webhook-id'], eventId);
  assert.equal(new Webhook(endpoint.secret).verify(request.text, request.headers).type, 'webhook.test');
  await newest(endpoint, ({ status }) => status === 'delivered');
  assert.deepEqual(await deliveries(other), []);
});

fact('a receiver that is gone is disabled, the others are told, and what failed can be sent again', async () => {
  const since = new Date(Date.now() - 1000).toISOString();
  const [endpoint, watcher] = [await hook({ events: ['connection.created'] }), await hook({ events: ['webhook.disabled'] })];
  receiver.answers(endpoint.path, { status: 410 });
  await connect();
  const failed = await newest(endpoint, ({ status }) => status === 'failed');
  const [told] = await came(watcher.path);
  assert.equal(told.json.data.id, endpoint._id);
  const disabled = dataOf(await api.get(endpoint.at));
  assert.equal(disabled.active, false);
  assert.match(disabled.disabledReason, /410/);
  const refusal = /not active/;
  assertRefused(await api.post(`${endpoint.at}/test`), 400, refusal);
  assertRefused(await api.post(`${endpoint.at}/deliveries/${failed._id}/redrive`), 400, refusal);
  assertRefused(await api.post(`${endpoint.at}/deliveries/redrive`, { since }), 400, refusal);
  receiver.answers(endpoint.path);
  const enabled = dataOf(await api.patch(endpoint.at, { active: true }));
  assert.deepEqual([enabled.active, enabled.disabledAt, enabled.failingSince], [true, null, null]);
  assert.deepEqual(dataOf(await api.post(`${endpoint.at}/deliveries/redrive`, { since }), 201), { redriven: 1, hasMore: false });
  const again = await newest(endpoint, ({ status }) => status === 'delivered');
  assert.equal(again._id, failed._id);
  const ids = receiver.requests(endpoint.path).map(({ headers }) => headers['webhook-id']);
  assert.deepEqual(ids, [failed.eventId, failed.eventId]);
  assert.deepEqual(dataOf(await api.post(`${endpoint.at}/deliveries/redrive`, { since }), 201), { redriven: 0, hasMore: false });
  assertStatus(await api.post(`${endpoint.at}/deliveries/${failed._id}/redrive`), 201);
  await came(endpoint.path, 3);
});

fact('redirects are not followed', async () => {
  const [endpoint, inside] = [await hook({ events: ['connection.created'] }), `/${unique('inside')}`];
  receiver.answers(endpoint.path, { status: 302, headers: { location: receiver.url + inside } });
  await connect();
  const delivery = await newest(endpoint, ({ status }) => status === 'waiting');
  assert.match(delivery.lastError, /redirect/);
  assert.deepEqual(receiver.requests(inside), []);
});

fact('addresses inside are refused when they are given', async () => {
  const { api: outside } = world(strict);
  const inside = [
    'http://127.0.0.1/', 'https://127.0.0.1/', 'http://localhost/', 'https://localhost/', 'https://a.localhost/', 'https://[::1]/', 'https://2130706433/', 'https://0x7f.1/',
    'https://[::ffff:127.0.0.1]/', 'https://10.0.0.1/', 'https://192.168.0.1/', 'https://172.16.0.1/', 'https://169.254.169.254/latest/meta-data', 'https://[fd00::1]/', 'https://0.0.0.0/',
  ];
  const wrong = ['http://example.com/', 'ftp://example.com/', 'file:///etc/passwd', 'https://user:password@example.com/', 'example.com', 'https://'];
  const good = dataOf(await outside.post(ENDPOINTS, { url: 'https://receiver.invalid/hook', events: ['webhook.disabled'] }), 201);
  for (const url of [...inside, ...wrong]) {
    assertInvalid(await outside.post(ENDPOINTS, { url }), /^url /);
    assertInvalid(await outside.patch(`${ENDPOINTS}/${good._id}`, { url }), /^url /);
  }
  assertInvalid(await api.post(ENDPOINTS, { url: 'http://169.254.169.254/' }), /^url /);
  assert.equal(dataOf(await outside.get(ENDPOINTS)).length, 1);
  assert.deepEqual(dataOf(await outside.get(`${ENDPOINTS}/${good._id}`)).url, 'https://receiver.invalid/hook');
});

fact('wrong input is told by field', async () => {
  assertInvalid(await api.post(ENDPOINTS, { events: ['connection.lost'], description: 'x'.repeat(501), active: 'yes' }), /^url must be/, /^events must be a list of the following values: connection\.\*, /, /^description must be shorter/, 'active must be a boolean value');
  const endpoint = await hook();
  assertInvalid(await api.post(`${endpoint.at}/deliveries/redrive`, {}), /^since must be/);
  assertInvalid(await api.post(`${endpoint.at}/deliveries/redrive`, { since: 'yesterday' }), 'since must be a valid ISO 8601 date string');
});

fact('neither addresses nor secrets get into the log of the server', async () => {
  const endpoint = await hook();
  receiver.answers(endpoint.path, { status: 500, body: `your url is ${endpoint.url}` });
  await api.post(`${endpoint.at}/test`);
  const delivery = await newest(endpoint, ({ attempts }) => attempts > 0);
  const { calls } = dataOf(await api.get(`${endpoint.at}/deliveries/${delivery._id}`));
  assert.ok(!JSON.stringify(calls).includes('canary-in-url'), JSON.stringify(calls));
  assert.ok(!open.output().includes('canary-in-url') && !open.output().includes('whsec_'));
});
