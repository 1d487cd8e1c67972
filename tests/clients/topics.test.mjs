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
const novu = sdk(server);

const ids = (people) => people.map(({ subscriberId }) => subscriberId);
const people = (count) => oneByOne(count, () => make.subscriber());
const path = (key, rest = '') => `/v2/topics/${encodeURIComponent(key)}${rest}`;
const subscribe = (key, body) => api.post(path(key, '/subscriptions'), body);
const unsubscribe = (key, body) => api.send('DELETE', path(key, '/subscriptions'), body);
const members = async (key) => dataOf(await api.get(path(key, '/subscriptions?limit=100'))).map(({ subscriber }) => subscriber.subscriberId);

// Topics

fact('a topic is created, read, renamed and deleted', covers(
  'TopicsController_upsertTopic', 'TopicsController_getTopic', 'TopicsController_updateTopic', 'TopicsController_deleteTopic',
), async () => {
  const key = unique('news');
  const { result } = await novu.topics.create({ key, name: 'News' });
  assert.deepEqual([result.key, result.name], [key, 'News']);
  assert.match(result.id, /^[0-9a-f]{24}$/);
  assert.ok(result.createdAt && result.updatedAt);
  assert.deepEqual((await novu.topics.get(key)).result, result);
  assert.equal((await novu.topics.update({ name: 'Old news' }, key)).result.name, 'Old news');
  assert.deepEqual((await novu.topics.delete(key)).result, { acknowledged: true });
  const error = await refusal(novu.topics.get(key));
  assert.deepEqual([error.statusCode, error.message], [404, `Topic with key ${key} not found`]);
});

fact('creating a topic again renames it, and an empty or absent name changes nothing', async () => {
  const key = unique('again');
  const made = dataOf(await api.post('/v2/topics', { key, name: 'One' }), 201);
  assert.deepEqual(dataOf(await api.post('/v2/topics', { key }), 200), made);
  assert.deepEqual(dataOf(await api.post('/v2/topics', { key, name: '' }), 200), made);
  const renamed = dataOf(await api.post('/v2/topics', { key, name: 'Two' }), 200);
  assert.deepEqual([renamed._id, renamed.name], [made._id, 'Two']);
});

fact('with failIfExists a second create is a 409 that the SDK reads as the existing topic', async () => {
  const key = unique('exists');
  const { result } = await novu.topics.create({ key, name: 'There' }, true);
  const error = await refusal(novu.topics.create({ key, name: 'Other' }, true));
  assert.deepEqual([error.name, error.statusCode], ['TopicResponseDto', 409]);
  const plain = await api.post('/v2/topics?failIfExists=true', { key });
  assertRefused(plain, 409, `Topic with key "${key}" already exists`);
  assert.deepEqual([plain.body._id, plain.body.name], [result.id, 'There']);
});

fact('twenty creates at once make one topic', async () => {
  const key = unique('race');
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.post('/v2/topics', { key })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array(19).fill(200), 201]);
  assert.equal(new Set(answers.map(({ body }) => body.data._id)).size, 1);
});

fact('keys have 1 to 100 letters, digits and - _ : . or are e-mail addresses', async () => {
  for (const good of ['a', 'A:b_c-d.e', 'team@example.com', 'k'.repeat(100)]) assertStatus(await api.post('/v2/topics', { key: good }), 201);
  for (const bad of ['has space', 'a/b', 'ümlaut', 'a@b']) {
    assertRefused(
      await api.post('/v2/topics', { key: bad }), 400,
      `Invalid topic key: "${bad}". Topic keys must contain only alphanumeric characters (a-z, A-Z, 0-9), hyphens (-), underscores (_), colons (:), or be a valid email address.`,
    );
  }
  for (const bad of [undefined, 5, '', 'k'.repeat(101)]) assertInvalid(await api.post('/v2/topics', { key: bad }), /^key /);
  assertInvalid(await api.post('/v2/topics', { key: unique('long'), name: 'n'.repeat(101) }), /^name /);
});

fact('an unknown topic is a 404 for every verb, and a rename needs a name', async () => {
  const text = 'Topic with key nobody not found';
  assertRefused(await api.get(path('nobody')), 404, text);
  assertRefused(await api.patch(path('nobody'), { name: 'x' }), 404, text);
  assertRefused(await api.delete(path('nobody')), 404, text);
  assertRefused(await api.get(path('nobody', '/subscriptions')), 404, text);
  assertRefused(await unsubscribe('nobody', { subscriberIds: ['a'] }), 404, text);
  assertRefused(await api.get(path('nobody', '/subscriptions/x')), 404, text);
  assertRefused(await api.patch(path('nobody', '/subscriptions/x'), {}), 404, text);
  const { key } = dataOf(await api.post('/v2/topics', { key: unique('named') }), 201);
  assertInvalid(await api.patch(path(key), {}), /^name /);
});

fact('topics are listed by a part of key or name, in four orders', covers('TopicsController_listTopics'), async () => {
  const mark = unique('listed');
  const made = await oneByOne(5, (number) => api.post('/v2/topics', { key: `${mark}-${9 - number}`, name: `Name ${mark} ${number}` }).then((answer) => dataOf(answer, 201)));
  const keys = async (query) => (await novu.topics.list(query)).result.data.map(({ key }) => key);
  const newestFirst = made.map(({ key }) => key).reverse();
  assert.deepEqual(await keys({ key: mark.toUpperCase() }), newestFirst);
  assert.deepEqual(await keys({ name: `${mark} 3` }), [made[2].key]);
  assert.deepEqual(await keys({ key: '%' }), []);
  for (const orderBy of ['_id', 'createdAt', 'updatedAt']) assert.deepEqual(await keys({ key: mark, orderBy }), newestFirst, orderBy);
  assert.deepEqual(await keys({ key: mark, orderBy: 'key', orderDirection: 'ASC' }), [...newestFirst].sort());
  await assertWalks(async (query) => (await novu.topics.list({ key: mark, ...query })).result, 'key', newestFirst);
  await assertWalks(async (query) => (await novu.topics.list({ key: mark, orderBy: 'key', ...query })).result, 'key', [...newestFirst].sort().reverse());
  assertInvalid(await api.get('/v2/topics?limit=101'), 'limit must not be greater than 100');
  assertInvalid(await api.get('/v2/contexts?orderBy=key'), /^orderBy /);
});

// Subscriptions

fact('two subscribers are subscribed to a topic', covers('TopicsController_createTopicSubscriptions', 'TopicsController_listTopicSubscriptions'), async () => {
  const key = unique('both');
  const topic = dataOf(await api.post('/v2/topics', { key, name: 'Both' }), 201);
  const [ann, ben] = [await make.subscriber({ firstName: 'Ann', email: 'ann@example.com' }), await make.subscriber()];
  const { result } = await novu.topics.subscriptions.create({ subscriptions: ids([ann, ben]) }, key);
  assert.deepEqual(result.meta, { totalCount: 2, successful: 2, failed: 0 });
  assert.equal(result.errors, undefined);
  const [first] = result.data;
  assert.equal(first.identifier, `tk_${key}:si_${ann.subscriberId}`);
  assert.deepEqual([first.topic.id, first.topic.key, first.topic.name], [topic._id, key, 'Both']);
  assert.deepEqual([first.subscriber.id, first.subscriber.firstName, first.subscriber.email], [ann._id, 'Ann', 'ann@example.com']);
  const list = (await novu.topics.subscriptions.list({ topicKey: key })).result;
  assert.deepEqual(list.data.map(({ subscriber }) => subscriber.subscriberId), ids([ben, ann]));
  assert.deepEqual(list.data[1].contextKeys, []);
});

fact('subscribing to a missing topic makes it, and a given name renames one that is there', async () => {
  const key = unique('made');
  const [ann] = await people(1);
  assertStatus(await subscribe(key, { subscriberIds: ids([ann]), name: 'Made' }), 201);
  assert.equal(dataOf(await api.get(path(key))).name, 'Made');
  assertStatus(await subscribe(key, { subscriberIds: ids([ann]), name: 'Renamed' }), 201);
  assert.equal(dataOf(await api.get(path(key))).name, 'Renamed');
  assertRefused(await subscribe('bad key', { subscriberIds: ids([ann]) }), 400, /^Invalid topic key: "bad key"/);
});

fact('some unknown subscribers are errors beside the others', async () => {
  const key = unique('partly');
  const [ann] = await people(1);
  const { result } = await novu.topics.subscriptions.create({ subscriberIds: [ann.subscriberId, 'nobody'] }, key);
  assert.deepEqual(result.meta, { totalCount: 2, successful: 1, failed: 1 });
  assert.deepEqual(result.errors, [{ subscriberId: 'nobody', code: 'SUBSCRIBER_NOT_FOUND', message: "Subscriber with ID 'nobody' could not be found." }]);
  assert.deepEqual(await members(key), [ann.subscriberId]);
});

fact('only unknown subscribers are a 400 that shows all of it and makes no topic', async () => {
  const key = unique('none');
  const answer = await subscribe(key, { subscriberIds: ['nobody', 'no-one'] });
  assertRefused(answer, 400);
  assert.deepEqual(answer.body.ctx.meta, { totalCount: 2, successful: 0, failed: 2 });
  assert.deepEqual(answer.body.ctx.errors.map(({ code }) => code), ['SUBSCRIBER_NOT_FOUND', 'SUBSCRIBER_NOT_FOUND']);
  assert.deepEqual(answer.body.data, []);
  assertRefused(await api.get(path(key)), 404);
});

fact('the same subscriber twice succeeds both times and is one row', async () => {
  const key = unique('twice');
  const [ann] = await people(1);
  const once = (await subscribe(key, { subscriberIds: [ann.subscriberId, ann.subscriberId] })).body;
  assert.deepEqual(once.meta, { totalCount: 2, successful: 2, failed: 0 });
  const again = (await subscribe(key, { subscriberIds: [ann.subscriberId] })).body;
  assert.equal(again.data[0]._id, once.data[0]._id);
  assert.deepEqual(await members(key), [ann.subscriberId]);
});

fact('twenty calls at once subscribe everybody once', async () => {
  const key = unique('rush');
  const crowd = await people(3);
  const answers = await Promise.all(Array.from({ length: 20 }, () => subscribe(key, { subscriberIds: ids(crowd) })));
  for (const answer of answers) assert.deepEqual(assertStatus(answer, 201).body.meta, { totalCount: 3, successful: 3, failed: 0 });
  assert.deepEqual((await members(key)).sort(), ids(crowd).sort());
});

fact('one subscriber has at most ten subscriptions to a topic', async () => {
  const key = unique('ten');
  const [ann] = await people(1);
  const named = (number) => ({ identifier: `${key}-${number}`, subscriberId: ann.subscriberId, name: `Number ${number}` });
  assertStatus(await subscribe(key, { subscriptions: Array.from({ length: 10 }, (_, at) => named(at)) }), 201);
  const eleventh = await subscribe(key, { subscriptions: [named(10)] });
  assertRefused(eleventh, 400);
  assert.equal(eleventh.body.ctx.errors[0].code, 'SUBSCRIPTION_LIMIT_EXCEEDED');
  assert.equal(eleventh.body.ctx.errors[0].message, `Subscriber ${ann.subscriberId} has reached the maximum allowed of 10 subscriptions for topic "${key}"`);
  assert.equal((await members(key)).length, 10);
});

fact('contexts are part of a subscription and of its default identifier', covers('TopicsController_getTopicSubscription'), async () => {
  const key = unique('contexts');
  const [ann] = await people(1);
  const context = { tenant: 'org-123', project: { id: 'proj-456', data: { a: 1 } } };
  const { result } = await novu.topics.subscriptions.create({ subscriberIds: ids([ann]), context }, key);
  const keys = ['project:proj-456', 'tenant:org-123'];
  const identifier = `tk_${key}:si_${ann.subscriberId}:ctx_${keys.join(',')}`;
  assert.deepEqual([result.data[0].identifier, result.data[0].contextKeys], [identifier, keys]);
  const found = (await novu.topics.subscriptions.getSubscription(key, identifier)).result;
  assert.deepEqual([found.id, found.identifier, found.contextKeys], [result.data[0].id, identifier, keys]);
  assert.deepEqual(dataOf(await api.get('/v2/contexts/project/proj-456')).data, { a: 1 });

  const plain = (await novu.topics.subscriptions.create({ subscriberIds: ids([ann]) }, key)).result.data[0];
  assert.doesNotMatch(plain.identifier, /:ctx_/);
  assert.deepEqual((await novu.topics.subscriptions.getSubscription(key, plain.identifier)).result.contextKeys, []);
  const withKeys = async (query) => dataOf(await api.get(path(key, `/subscriptions?${query}`))).map((row) => row.identifier);
  assert.deepEqual(await withKeys('contextKeys=tenant:org-123&contextKeys=project:proj-456'), [identifier]);
  assert.deepEqual(await withKeys('contextKeys='), [plain.identifier]);
  assert.deepEqual(await withKeys('contextKeys=tenant:org-123'), []);
});

fact('identifiers of your own have at most 512 characters and are unique in their topic', async () => {
  const key = unique('own');
  const [ann, ben] = await people(2);
  const identifier = 'i'.repeat(512);
  assertStatus(await subscribe(key, { subscriptions: [{ identifier, subscriberId: ann.subscriberId }] }), 201);
  assertStatus(await api.patch(path(key, `/subscriptions/${identifier}`), { name: 'Long' }), 200);
  assertInvalid(await subscribe(key, { subscriptions: [{ identifier: 'i'.repeat(513), subscriberId: ann.subscriberId }] }), /^subscriptions\.0\.identifier /);
  const taken = await subscribe(key, { subscriptions: [{ identifier, subscriberId: ben.subscriberId }] });
  assertRefused(taken, 400);
  assert.equal(taken.body.ctx.errors[0].code, 'SUBSCRIPTION_IDENTIFIER_TAKEN');
});

fact('identifiers of any length are found again', async () => {
  const [ann] = [await make.subscriber({ subscriberId: `${'ü'.repeat(500)}${unique('-')}` })];
  const key = unique('wide');
  const { identifier } = assertStatus(await subscribe(key, { subscriberIds: ids([ann]) }), 201).body.data[0];
  assert.equal(dataOf(await api.get(path(key, `/subscriptions/${encodeURIComponent(identifier)}`))).identifier, identifier);
});

fact('each list has one to a hundred entries, and one of them is there', async () => {
  const key = unique('bounds');
  const many = Array.from({ length: 101 }, (_, at) => `many-${at}`);
  const table = [
    [{ subscriberIds: many }, 'Cannot subscribe more than 100 subscribers at once', 'Cannot unsubscribe more than 100 subscribers at once'],
    [{ subscriptions: many }, 'Cannot subscribe more than 100 subscriptions at once', 'Cannot unsubscribe more than 100 subscriptions at once'],
    [{ subscriberIds: [] }, 'At least one subscriber identifier is required', 'At least one subscriber identifier is required'],
    [{ subscriptions: [] }, 'At least one subscription is required', 'At least one subscription is required'],
  ];
  for (const [body, creating, deleting] of table) {
    assertInvalid(await subscribe(key, body), creating);
    assertInvalid(await unsubscribe(key, body), deleting);
  }
  assertRefused(await subscribe(key, {}), 400);
  assertInvalid(await subscribe(key, { subscriptions: [5] }), /^each value in subscriptions /);
  assertInvalid(await subscribe(key, { subscriptions: [{ identifier: 'a' }] }), /^subscriptions\.0\.subscriberId /);
  assertInvalid(await unsubscribe(key, { subscriptions: [{}] }), /^subscriptions\.0 /);
  assertInvalid(await subscribe(key, { subscriberIds: ['a'], context: 'x' }), /^context /);
  assertInvalid(await subscribe(key, { subscriberIds: ['a'], preferences: [5] }), /preferences/);
});

fact('preferences name workflows by identifier, id or tag, and are replaced by an update', covers('TopicsController_updateTopicSubscription'), async () => {
  const key = unique('prefs');
  const tag = unique('tag');
  const [ann] = await people(1);
  const [one, two] = [await make.workflow({ tags: [tag] }), await make.workflow()];
  const condition = { '==': [{ var: 'payload.kind' }, 'a'] };
  const { result } = await novu.topics.subscriptions.create({
    subscriberIds: ids([ann]),
    preferences: [{ filter: { tags: [tag] }, enabled: false }, { workflowId: two._id, condition }, 'no-such-workflow', one.workflowId],
  }, key);
  const [made] = result.data;
  assert.deepEqual(made.preferences.map(({ workflow, enabled }) => [workflow.identifier, enabled]), [[one.workflowId, false], [two.workflowId, true]]);
  assert.equal(made.preferences[0].subscriptionId, made.identifier);
  assert.deepEqual(made.preferences[0].workflow.tags, [tag]);
  assert.deepEqual(made.preferences[1].condition, condition);

  const update = (body) => novu.topics.subscriptions.update({ topicKey: key, identifier: made.identifier, updateTopicSubscriptionRequestDto: body });
  const untouched = (await update({})).result;
  assert.equal(untouched.preferences.length, 2);
  const replaced = (await update({ name: 'Mine', preferences: [{ workflowId: two.workflowId, enabled: false }] })).result;
  assert.equal(replaced.name, 'Mine');
  assert.deepEqual(replaced.preferences.map(({ workflow, enabled }) => [workflow.identifier, enabled]), [[two.workflowId, false]]);
  assert.deepEqual((await novu.topics.subscriptions.getSubscription(key, made.identifier)).result.preferences.length, 1);
  assert.equal((await update({ preferences: [] })).result.preferences, undefined);
  assertRefused(await api.patch(path(key, '/subscriptions/nobody'), {}), 404, `Subscription with identifier nobody not found for topic ${key}`);
  assertRefused(await api.get(path(key, '/subscriptions/nobody')), 404, `Subscription with identifier nobody not found for topic ${key}`);
});

fact('subscriptions are deleted by subscriber and by identifier', covers('TopicsController_deleteTopicSubscriptions'), async () => {
  const key = unique('leaving');
  const [ann, ben, cat] = await people(3);
  const own = { identifier: `${key}-own`, subscriberId: ann.subscriberId };
  assertStatus(await subscribe(key, { subscriberIds: ids([ann, ben, cat]), subscriptions: [own] }), 201);

  const { result } = await novu.topics.subscriptions.delete({ subscriberIds: [ann.subscriberId, 'nobody'] }, key);
  assert.deepEqual(result.data.map(({ identifier }) => identifier).sort(), [own.identifier, `tk_${key}:si_${ann.subscriberId}`].sort());
  assert.equal(result.data[0].subscriber.subscriberId, ann.subscriberId);
  assert.deepEqual(result.errors.map(({ code }) => code), ['SUBSCRIBER_NOT_FOUND']);
  assert.deepEqual((await members(key)).sort(), ids([ben, cat]).sort());

  const gone = await unsubscribe(key, { subscriberIds: [ann.subscriberId] });
  assertRefused(gone, 400, `Subscription for subscriber '${ann.subscriberId}' not found.`);
  assert.equal(gone.body.ctx.errors[0].code, 'SUBSCRIPTION_NOT_FOUND');

  const byIdentifier = { identifier: `tk_${key}:si_${ben.subscriberId}` };
  assertRefused(await unsubscribe(key, { subscriptions: [{ ...byIdentifier, subscriberId: cat.subscriberId }] }), 400);
  assert.equal(assertStatus(await unsubscribe(key, { subscriptions: [byIdentifier] }), 200).body.meta.successful, 1);
  assert.deepEqual(await members(key), [cat.subscriberId]);
});

fact('a list is paged by cursors and narrowed to a subscriber', async () => {
  const key = unique('pages');
  const crowd = await people(5);
  await oneByOne(5, (number) => subscribe(key, { subscriberIds: [crowd[number - 1].subscriberId] }));
  const expected = ids(crowd).reverse().map((id) => `tk_${key}:si_${id}`);
  await assertWalks(async (query) => (await novu.topics.subscriptions.list({ topicKey: key, ...query })).result, 'identifier', expected);
  for (const orderBy of ['_id', 'createdAt', 'updatedAt']) {
    assert.deepEqual(dataOf(await api.get(path(key, `/subscriptions?orderBy=${orderBy}`))).map(({ identifier }) => identifier), expected, orderBy);
  }
  const one = await api.get(path(key, `/subscriptions?subscriberId=${crowd[2].subscriberId}`));
  assert.deepEqual([one.body.data.map(({ subscriber }) => subscriber.subscriberId), one.body.totalCount], [[crowd[2].subscriberId], 1]);
  const none = await api.get(path(key, '/subscriptions?subscriberId=nobody'));
  assert.deepEqual([none.body.data, none.body.next, none.body.previous, none.body.totalCount], [[], null, null, 0]);
  const { key: empty } = dataOf(await api.post('/v2/topics', { key: unique('empty') }), 201);
  const nothing = await api.get(path(empty, '/subscriptions'));
  assert.deepEqual([nothing.body.data, nothing.body.next, nothing.body.previous], [[], null, null]);
});

fact("a subscriber's subscriptions are listed, and narrowed by key", covers('SubscribersController_listSubscriberTopics'), async () => {
  const [ann] = await people(1);
  const [one, two] = [unique('mine'), unique('mine')];
  for (const key of [one, two]) assertStatus(await subscribe(key, { subscriberIds: ids([ann]) }), 201);
  const keys = async (query) => (await novu.subscribers.topics.list({ subscriberId: ann.subscriberId, ...query })).result.data.map(({ topic }) => topic.key);
  assert.deepEqual(await keys({}), [two, one]);
  assert.deepEqual(await keys({ key: one }), [one]);
  assert.deepEqual(await keys({ key: 'nothing' }), []);
  assert.deepEqual(await keys({ contextKeys: ['tenant:x'] }), []);
  assertRefused(await api.get('/v2/subscribers/nobody/subscriptions'), 404, /Subscriber not found/);
});

fact('whether somebody is subscribed is a question of its own', covers('TopicsV1Controller_getTopicSubscriber'), async () => {
  const key = unique('check');
  const [ann, ben] = await people(2);
  const { topic } = assertStatus(await subscribe(key, { subscriberIds: ids([ann]) }), 201).body.data[0];
  const { result } = await novu.topics.subscribers.retrieve(ann.subscriberId, key);
  assert.deepEqual([result.topicId, result.subscriberId, result.topicKey, result.externalSubscriberId], [topic._id, ann._id, key, ann.subscriberId]);
  for (const [where, who] of [[key, ben.subscriberId], [key, 'nobody'], ['nowhere', ann.subscriberId]]) {
    assertRefused(
      await api.get(`/v1/topics/${where}/subscribers/${who}`), 404,
      `Subscriber ${who} not found for topic ${where} in the environment ${result.environmentId}`,
    );
  }
});

fact('a deleted topic or subscriber leaves no subscription', async () => {
  const [ann, ben] = await people(2);
  const [one, two] = [unique('left'), unique('left')];
  for (const key of [one, two]) assertStatus(await subscribe(key, { subscriberIds: ids([ann, ben]) }), 201);
  assertStatus(await api.delete(path(one)), 200);
  const list = await api.get(`/v2/subscribers/${ann.subscriberId}/subscriptions`);
  assert.deepEqual([list.body.data.map(({ topic }) => topic.key), list.body.totalCount], [[two], 1]);
  assertStatus(await api.delete(`/v2/subscribers/${ann.subscriberId}`), 200);
  assert.deepEqual(await members(two), [ben.subscriberId]);
  assertStatus(await api.post('/v2/topics', { key: one }), 201);
  assert.deepEqual(await members(one), []);
});
