import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, messagesOf } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { assertWalks } from './harness/cursor.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { oneByOne, unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const path = (id) => `/v2/subscribers/${id}`;

fact('a subscriber is created with everything given', covers('SubscribersController_createSubscriber', 'SubscribersController_getSubscriber'), async () => {
  const given = {
    subscriberId: unique('subscriber'), firstName: 'Ann', lastName: 'Archer', email: 'ann@example.com', phone: '+15550100',
    avatar: 'https://example.com/a.png', locale: 'en_US', timezone: 'Europe/Berlin', data: { plan: { seats: 3 }, tags: ['a', 'b'] },
  };
  const { result } = await novu.subscribers.create(given);
  for (const [field, value] of Object.entries(given)) assert.deepEqual(result[field], value, field);
  assert.match(result.id, /^[0-9a-f]{24}$/);
  assert.equal(result.deleted, false);
  assert.deepEqual((await novu.subscribers.retrieve(given.subscriberId)).result, result);
});

fact('what was never set is absent, and data is empty', async () => {
  const subscriber = await make.subscriber();
  const absent = ['firstName', 'lastName', 'email', 'phone', 'avatar', 'locale', 'timezone'];
  assert.deepEqual(absent.filter((field) => field in subscriber), []);
  assert.deepEqual(subscriber.data, {});
  assert.equal(subscriber._environmentId, dataOf(await api.get('/v1/environments/me'))._id);
  const sparse = await make.subscriber({ firstName: '', lastName: null, email: null });
  assert.deepEqual(absent.filter((field) => field in sparse), [], 'a create takes empty and null as not given');
});

fact('a second create updates what it gives and keeps the rest', async () => {
  const { subscriberId, _id } = await make.subscriber({ firstName: 'Ann', phone: '+1', data: { a: 1, b: 2 } });
  const again = dataOf(await api.post('/v2/subscribers', { subscriberId, firstName: 'Beth', data: { c: 3 } }), 201);
  assert.equal(again._id, _id);
  assert.equal(again.firstName, 'Beth');
  assert.equal(again.phone, '+1');
  assert.deepEqual(again.data, { c: 3 }, 'data is replaced as a whole');
});

fact('failIfExists refuses the second create with a body that is also the subscriber', async () => {
  const subscriberId = unique('subscriber');
  await novu.subscribers.create({ subscriberId, firstName: 'Ann' }, true);
  await novu.subscribers.create({ subscriberId }, false);
  const response = await api.post('/v2/subscribers?failIfExists=true', { subscriberId, firstName: 'Beth' });
  assertRefused(response, 409, `Subscriber with id "${subscriberId}" already exists`);
  assert.equal(response.body.subscriberId, subscriberId);
  const error = await refusal(novu.subscribers.create({ subscriberId, firstName: 'Beth' }, true));
  assert.equal(error.name, 'SubscriberResponseDto');
  assert.equal(error.statusCode, 409);
  assert.equal((await novu.subscribers.retrieve(subscriberId)).result.firstName, 'Ann');
});

fact('ten creates of one subscriber at once make one', async () => {
  const subscriberId = unique('subscriber');
  const answers = await Promise.all(Array.from({ length: 10 }, () => api.post('/v2/subscribers', { subscriberId })));
  assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(201));
  assert.equal(new Set(answers.map((answer) => answer.body.data._id)).size, 1);
});

fact('an id is trimmed, and needed', async () => {
  const subscriberId = unique('subscriber');
  assert.equal(dataOf(await api.post('/v2/subscribers', { subscriberId: `  ${subscriberId} ` }), 201).subscriberId, subscriberId);
  for (const bad of [undefined, '', '   ', 5, null, ['a']]) assertInvalid(await api.post('/v2/subscribers', { subscriberId: bad }), /subscriberId/i);
});

fact('a malformed e-mail, locale or timezone is refused and named', async () => {
  const { subscriberId } = await make.subscriber({ email: 'ann@example.com' });
  const bad = { email: ['nobody', 'a@', 7], locale: ['not a locale', 7], timezone: ['Mars/Olympus', 7], data: ['text', 7], firstName: [7, {}] };
  for (const [field, values] of Object.entries(bad)) {
    for (const value of values) {
      assertInvalid(await api.post('/v2/subscribers', { subscriberId: unique('subscriber'), [field]: value }), new RegExp(`^${field} `));
      assertInvalid(await api.patch(path(subscriberId), { [field]: value }), new RegExp(`^${field} `));
    }
  }
  assertInvalid(await api.patch(path(subscriberId), { email: 'nobody' }), 'email must be an email');
});

fact('an unknown subscriber is a 404', async () => {
  const error = await refusal(novu.subscribers.retrieve('nobody'));
  assert.equal(error.name, 'ErrorDto');
  assert.equal(error.statusCode, 404);
  assert.equal(error.message, 'Subscriber: nobody was not found');
  assertRefused(await api.patch(path('nobody'), { firstName: 'x' }), 404);
  assertRefused(await api.delete(path('nobody')), 404, 'Subscriber was not found');
});

fact('a patch changes only what it names', covers('SubscribersController_patchSubscriber'), async () => {
  const { subscriberId } = await make.subscriber({ firstName: 'Ann', email: 'ann@example.com', phone: '+1', data: { a: 1 } });
  const { result } = await novu.subscribers.patch({ firstName: 'Beth' }, subscriberId);
  assert.deepEqual([result.firstName, result.email, result.phone, result.data], ['Beth', 'ann@example.com', '+1', { a: 1 }]);
  const same = dataOf(await api.patch(path(subscriberId), {}));
  assert.equal(same.firstName, 'Beth');
  const ignored = dataOf(await api.patch(path(subscriberId), { subscriberId: 'other' }));
  assert.equal(ignored.subscriberId, subscriberId);
});

fact('a patch clears with null, and stores an empty string where one is allowed', async () => {
  const fields = ['firstName', 'lastName', 'phone', 'avatar'];
  const { subscriberId } = await make.subscriber({ ...Object.fromEntries(fields.map((field) => [field, 'x'])), email: 'a@example.com', locale: 'en_US', timezone: 'UTC' });
  const emptied = dataOf(await api.patch(path(subscriberId), Object.fromEntries(fields.map((field) => [field, '']))));
  assert.deepEqual(fields.map((field) => emptied[field]), ['', '', '', '']);
  for (const field of ['email', 'locale', 'timezone']) assertInvalid(await api.patch(path(subscriberId), { [field]: '' }), new RegExp(`^${field} `));
  const cleared = dataOf(await api.patch(path(subscriberId), { firstName: null, email: null, locale: null, timezone: null }));
  assert.deepEqual([cleared.firstName, cleared.email, cleared.locale, cleared.timezone], [null, null, null, null]);
  const read = await novu.subscribers.retrieve(subscriberId);
  assert.equal(read.result.firstName, null, 'and the SDK reads a null');
});

fact('a deleted subscriber is gone with its messages, and may come again', covers('SubscribersController_removeSubscriber'), async () => {
  const integration = await make.integration();
  const subscriber = await make.subscriber();
  const endpoint = { url: 'http://127.0.0.1:9/unreachable' };
  await make.endpoint({ integration, subscriber, endpoint });
  const event = await make.trigger(await make.workflow(), subscriber);
  await finished(api, event);
  assert.equal((await messagesOf(api, event)).length, 1);

  const { result } = await novu.subscribers.delete(subscriber.subscriberId);
  assert.deepEqual({ ...result }, { acknowledged: true, status: 'deleted' });
  assertRefused(await api.get(path(subscriber.subscriberId)), 404);
  assert.deepEqual(await messagesOf(api, event), []);
  const again = await make.subscriber({ subscriberId: subscriber.subscriberId });
  assert.notEqual(again._id, subscriber._id);
});

fact('a search matches e-mail, phone, id and full name exactly', covers('SubscribersController_searchSubscribers'), async () => {
  const lastName = unique('Searched');
  const ann = await make.subscriber({ firstName: 'Ann', lastName, email: 'search@example.com', phone: '+1234567890' });
  await make.subscriber({ firstName: 'Beth', lastName });
  const found = async (query) => (await novu.subscribers.search(query)).result.data.map(({ subscriberId }) => subscriberId);
  const hit = [ann.subscriberId];
  assert.deepEqual(await found({ email: 'search@example.com' }), hit);
  assert.deepEqual(await found({ email: 'Search@example.com' }), []);
  assert.deepEqual(await found({ phone: '+1234567890' }), hit);
  assert.deepEqual(await found({ phone: '1234567' }), []);
  assert.deepEqual(await found({ subscriberId: ann.subscriberId }), hit);
  assert.deepEqual(await found({ subscriberId: `${ann.subscriberId}-and-more` }), []);
  assert.deepEqual(await found({ name: `Ann ${lastName}` }), hit);
  assert.deepEqual(await found({ name: `Ann ${lastName}`, email: 'search@example.com' }), hit);
  assert.deepEqual(await found({ name: `Beth ${lastName}`, email: 'search@example.com' }), [], 'filters combine with and');
  const empty = (await novu.subscribers.search({ email: 'nobody@example.com' })).result;
  assert.deepEqual({ ...empty }, { data: [], next: null, previous: null, totalCount: 0, totalCountCapped: false });
});

fact('a search is paged by cursors both ways', async () => {
  const name = { firstName: 'Page', lastName: unique('Walker') };
  const made = await oneByOne(5, () => make.subscriber(name));
  const newestFirst = made.map(({ subscriberId }) => subscriberId).reverse();
  const list = async (query) => (await novu.subscribers.search({ name: `Page ${name.lastName}`, ...query })).result;
  await assertWalks(list, 'subscriberId', newestFirst);
  const gone = await list({ after: 'f'.repeat(24) });
  assert.deepEqual(gone.data, []);
  assertRefused(
    await api.get(`/v2/subscribers?after=${made[0]._id}&before=${made[1]._id}`),
    400,
    'Cannot specify both "before" and "after" cursors at the same time.',
  );
});

fact('a bulk create says what it created and what it updated', covers('SubscribersV1Controller_bulkCreateSubscribers'), async () => {
  const existing = await make.subscriber({ firstName: 'Old' });
  const fresh = [unique('bulk'), unique('bulk'), unique('bulk')];
  const { result } = await novu.subscribers.createBulk({
    subscribers: [...fresh.map((subscriberId) => ({ subscriberId })), { subscriberId: existing.subscriberId, firstName: 'New' }],
  });
  assert.deepEqual(result.created.map(({ subscriberId }) => subscriberId).sort(), fresh.sort());
  assert.deepEqual(result.updated.map(({ subscriberId }) => subscriberId), [existing.subscriberId]);
  assert.deepEqual(result.failed, []);
  assert.equal(dataOf(await api.get(path(existing.subscriberId))).firstName, 'New');
});

fact('an id that stands twice in a bulk is created, then updated', async () => {
  const subscriberId = unique('bulk');
  const answer = dataOf(await api.post('/v1/subscribers/bulk', { subscribers: [{ subscriberId, firstName: 'One' }, { subscriberId, firstName: 'Two' }] }), 201);
  assert.deepEqual(answer.created.map((row) => row.subscriberId), [subscriberId]);
  assert.deepEqual(answer.updated.map((row) => row.subscriberId), [subscriberId]);
  assert.equal(dataOf(await api.get(path(subscriberId))).firstName, 'Two');
});

fact('a bulk takes at most 500, and one more writes nothing', async () => {
  const before = (await api.get('/v2/subscribers')).body.totalCount;
  const many = (count, prefix) => Array.from({ length: count }, (_, at) => ({ subscriberId: `${prefix}-${at}` }));
  assertInvalid(await api.post('/v1/subscribers/bulk', { subscribers: many(501, 'over') }), 'subscribers must contain no more than 500 elements');
  assert.equal((await api.get('/v2/subscribers')).body.totalCount, before);
  assertStatus(await api.post('/v1/subscribers/bulk', { subscribers: many(500, 'full') }), 201);
  assert.equal((await api.get('/v2/subscribers')).body.totalCount, before + 500);
  assertInvalid(await api.post('/v1/subscribers/bulk', {}), /^subscribers /);
});
