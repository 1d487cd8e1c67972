// Triggers that reach many: topics, everybody, and many events in one call.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, notificationsOf } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const workflow = await make.workflow();

const ids = (people) => people.map(({ subscriberId }) => subscriberId);
const people = (count) => Promise.all(Array.from({ length: count }, () => make.subscriber()));
const toTopic = (topicKey, rest = {}) => ({ type: 'Topic', topicKey, ...rest });
const send = async (to, rest = {}) => dataOf(await api.post('/v1/events/trigger', { name: workflow.workflowId, to, ...rest }), 201);
const bulk = (events) => api.post('/v1/events/trigger/bulk', { events });

async function topic(members, rest = {}) {
  const key = unique('topic');
  assertStatus(await api.post(`/v2/topics/${key}/subscriptions`, { subscriberIds: ids(members), ...rest }), 201);
  return key;
}

/** Every event before this one has been planned when it returns. */
async function fence() {
  const everybody = await topic([await make.subscriber()]);
  await finished(api, await send(toTopic(everybody)));
}

/** Whom an event has reached, once it has reached as many. */
const reached = async (event, count) => (await finished(api, event, count)).map(({ notification }) => notification.subscriber.subscriberId).sort();

// Topics

fact('a topic reaches each of its subscribers once', covers('EventsController_trigger'), async () => {
  const members = await people(3);
  const key = await topic(members);
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to: { type: 'Topic', topicKey: key }, payload: { name: 'all' } });
  assert.equal(result.status, 'processed');
  assert.deepEqual(await reached(result, 3), ids(members).sort());
  const { body } = await api.get(`/v2/topics/${key}`);
  for (const notification of await notificationsOf(api, result)) {
    assert.deepEqual(notification.topics, [{ _topicId: body.data._id, topicKey: key }]);
  }
});

fact('two topics and named subscribers, with overlaps, reach everybody exactly once', async () => {
  const [ann, ben, cat, dan] = await people(4);
  const [one, two] = [await topic([ann, ben, cat]), await topic([cat, dan, ben])];
  const event = await send([toTopic(one), ann.subscriberId, { subscriberId: dan.subscriberId, firstName: 'Dan' }, toTopic(two), toTopic(one)]);
  assert.deepEqual(await reached(event, 4), ids([ann, ben, cat, dan]).sort());
  await fence();
  assert.equal((await notificationsOf(api, event)).length, 4);
  assert.equal(dataOf(await api.get(`/v2/subscribers/${dan.subscriberId}`)).firstName, 'Dan');
});

fact('somebody with several subscriptions to a topic is reached once', async () => {
  const [ann, ben] = await people(2);
  const key = await topic([ann, ben], { subscriptions: ['a', 'b', 'c'].map((name) => ({ identifier: unique(name), subscriberId: ann.subscriberId })) });
  assert.deepEqual(await reached(await send(toTopic(key)), 2), ids([ann, ben]).sort());
});

fact('the actor is left out of a topic, and is reached when named', async () => {
  const [ann, ben] = await people(2);
  const key = await topic([ann, ben]);
  const actor = { subscriberId: ann.subscriberId, firstName: 'Actor' };
  assert.deepEqual(await reached(await send(toTopic(key), { actor }), 1), [ben.subscriberId]);
  assert.equal(dataOf(await api.get(`/v2/subscribers/${ann.subscriberId}`)).firstName, 'Actor');
  assert.deepEqual(await reached(await send([toTopic(key), ann.subscriberId], { actor }), 2), ids([ann, ben]).sort());
});

fact('who is excluded is left out of all topics of the call, not of what names them', async () => {
  const [ann, ben, cat] = await people(3);
  const [one, two] = [await topic([ann, ben]), await topic([ann, cat])];
  assert.deepEqual(await reached(await send([toTopic(one, { exclude: [ann.subscriberId] }), toTopic(two)]), 2), ids([ben, cat]).sort());
  assert.deepEqual(await reached(await send([toTopic(one, { exclude: [ann.subscriberId] }), ann.subscriberId]), 2), ids([ann, ben]).sort());
});

fact('an unknown topic is left out, and the rest goes on', async () => {
  const [ann, ben] = await people(2);
  const event = await send([toTopic('no-such-topic'), toTopic(await topic([ann])), ben.subscriberId]);
  assert.equal(event.status, 'processed');
  assert.deepEqual(await reached(event, 2), ids([ann, ben]).sort());
  const alone = await send(toTopic('no-such-topic'));
  assert.equal(alone.status, 'processed');
  await fence();
  assert.deepEqual(await notificationsOf(api, alone), []);
});

fact('two hundred and fifty members are each reached once, and who left before is not', async () => {
  const crowd = Array.from({ length: 250 }, (_, at) => ({ subscriberId: `member-${at}` }));
  assertStatus(await api.post('/v1/subscribers/bulk', { subscribers: crowd }), 201);
  const key = await topic(crowd.slice(0, 100));
  for (const part of [crowd.slice(100, 200), crowd.slice(200)]) assertStatus(await api.post(`/v2/topics/${key}/subscriptions`, { subscriberIds: ids(part) }), 201);
  assertStatus(await api.send('DELETE', `/v2/topics/${key}/subscriptions`, { subscriberIds: ['member-7'] }), 200);
  assertStatus(await api.delete('/v2/subscribers/member-8'), 200);
  const event = await send(toTopic(key));
  const expected = ids(crowd).filter((id) => !['member-7', 'member-8'].includes(id)).sort();
  await eventually(async () => {
    const pages = await Promise.all([0, 1, 2, 3, 4].map((page) => api.get(`/v1/notifications?transactionId=${event.transactionId}&limit=50&page=${page}`)));
    assert.deepEqual(pages.flatMap((page) => dataOf(page).map(({ subscriber }) => subscriber.subscriberId)).sort(), expected);
  });
});

fact('a subscription hears events of exactly its own contexts', async () => {
  const [ann, ben, cat] = await people(3);
  const context = { tenant: unique('acme') };
  const key = await topic([ann], { context });
  assertStatus(await api.post(`/v2/topics/${key}/subscriptions`, { subscriberIds: ids([ben]) }), 201);
  assertStatus(await api.post(`/v2/topics/${key}/subscriptions`, { subscriberIds: ids([cat]), context: { ...context, region: 'eu' } }), 201);
  assert.deepEqual(await reached(await send(toTopic(key), { context }), 1), [ann.subscriberId]);
  assert.deepEqual(await reached(await send(toTopic(key)), 1), [ben.subscriberId]);
});

fact('preferences of a subscription decide by switch and by condition, and one that passes is enough', async () => {
  const [ann, ben, cat, dan] = await people(4);
  const key = unique('rules');
  const subscribe = (subscriber, preferences, identifier) => api.post(`/v2/topics/${key}/subscriptions`, {
    subscriptions: [identifier ? { identifier, subscriberId: subscriber.subscriberId } : subscriber.subscriberId], preferences,
  }).then((answer) => assertStatus(answer, 201));
  const { workflowId } = workflow;
  const off = [{ workflowId, enabled: false }];
  const urgent = [{ workflowId, condition: { and: [{ '==': [{ var: 'payload.kind' }, 'urgent'] }, { '==': [{ var: 'actor.subscriberId' }, dan.subscriberId] }] } }];
  await subscribe(ann, off);
  await subscribe(ben, urgent);
  await subscribe(cat, off);
  await subscribe(cat, urgent, unique('second'));
  await subscribe(dan, undefined);
  const actor = dan.subscriberId;
  const event = await send(toTopic(key), { payload: { kind: 'urgent' }, actor });
  assert.deepEqual(await reached(event, 2), ids([ben, cat]).sort());
  const [notification] = await notificationsOf(api, event);
  const details = notification.jobs.flatMap((job) => job.executionDetails.map(({ detail }) => detail));
  assert.ok(details.includes('Topic subscription preference evaluation'), details.join());
  const quiet = await send(toTopic(key), { payload: { kind: 'calm' }, actor });
  await fence();
  assert.deepEqual(await notificationsOf(api, quiet), []);
});

fact('a topic of the wrong shape is a 422, and one with a malformed key is nobody', async () => {
  const trigger = (to) => api.post('/v1/events/trigger', { name: workflow.workflowId, to });
  assertInvalid(await trigger({ type: 'Topic' }), 'to.topicKey must be a string');
  assertInvalid(await trigger([{ topicKey: 'x' }]), 'to.0.type must be Topic');
  assertInvalid(await trigger([toTopic('x', { exclude: [5] })]), 'to.0.exclude must be an array of strings');
  assertInvalid(await api.post('/v1/events/trigger', { name: workflow.workflowId, to: 'a', actor: toTopic('x') }), 'actor must not be a topic');
  assert.equal((await send(toTopic('not ok'))).status, 'invalid_recipients');
});

fact('a tenant of the older kind is not known', async () => {
  for (const tenant of ['acme', { identifier: 'acme', name: 'Acme' }]) {
    const answer = await send('someone', { tenant, transactionId: unique('tenant') });
    assert.deepEqual([answer.acknowledged, answer.status], [true, 'no_tenant_found']);
    assert.deepEqual(await notificationsOf(api, answer), []);
  }
});

// Many events in one call

fact('three events of one call are answered in their order', covers('EventsController_triggerBulk'), async () => {
  const [ann, ben] = await people(2);
  const other = await make.workflow();
  const mark = unique('bulk');
  const events = [[workflow, ann], [other, ben], [workflow, ben]].map(([{ workflowId }, { subscriberId }], at) => ({
    workflowId, to: subscriberId, payload: {}, transactionId: `${mark}-${at}`,
  }));
  const { result } = await novu.triggerBulk({ events });
  assert.deepEqual(result.map(({ acknowledged, status, transactionId }) => [acknowledged, status, transactionId]), events.map(({ transactionId }) => [true, 'processed', transactionId]));
  for (const [at, { to }] of events.entries()) assert.deepEqual(await reached(result[at], 1), [to]);
});

fact('an event that is wrong or refused stands between the others with its reason', async () => {
  const inactive = await make.workflow({ active: false });
  const [ann] = await people(1);
  const [unknown, good, off, malformed, shapeless, renamed] = dataOf(await bulk([
    { name: 'no-such-workflow', to: ann.subscriberId, transactionId: unique('unknown') },
    { name: workflow.workflowId, to: ann.subscriberId },
    { name: inactive.workflowId, to: ann.subscriberId },
    { name: workflow.workflowId, to: 'not ok' },
    { name: workflow.workflowId, to: { firstName: 'Nobody' } },
    { name: workflow.workflowId, to: ann.subscriberId, tenant: 'acme' },
  ]), 201);
  assert.deepEqual([unknown.status, unknown.error, unknown.acknowledged], ['error', ['workflow_not_found'], true]);
  assert.match(unknown.transactionId, /^unknown-/);
  assert.deepEqual([good.status, off.status, malformed.status, renamed.status], ['processed', 'trigger_not_active', 'invalid_recipients', 'no_tenant_found']);
  assert.equal(shapeless.status, 'error');
  assert.match(shapeless.error[0], /subscriberId under property to is not configured/);
  assert.deepEqual(await reached(good, 1), [ann.subscriberId]);
});

fact('an event that was there before, or twice in a call, is answered and not made again', async () => {
  const [ann] = await people(1);
  const [first, second] = [unique('once'), unique('once')];
  const event = (transactionId) => ({ name: workflow.workflowId, to: ann.subscriberId, transactionId });
  await send(ann.subscriberId, { transactionId: first });
  const answers = dataOf(await bulk([event(first), event(second), event(second)]), 201);
  assert.deepEqual(answers.map(({ status, transactionId }) => [status, transactionId]), [['processed', first], ['processed', second], ['processed', second]]);
  for (const transactionId of [first, second]) await finished(api, { transactionId });
  await fence();
  for (const transactionId of [first, second]) assert.equal((await notificationsOf(api, { transactionId })).length, 1);
});

fact('ten calls with the same hundred events at once make a hundred events', async () => {
  const [ann] = await people(1);
  const mark = unique('hundred');
  const events = Array.from({ length: 100 }, (_, at) => ({ name: workflow.workflowId, to: ann.subscriberId, transactionId: `${mark}-${at}` }));
  const answers = await Promise.all(Array.from({ length: 10 }, () => bulk(events)));
  for (const answer of answers) assert.deepEqual(new Set(dataOf(answer, 201).map(({ status }) => status)), new Set(['processed']));
  for (const at of [0, 50, 99]) {
    await finished(api, { transactionId: `${mark}-${at}` });
    assert.equal((await notificationsOf(api, { transactionId: `${mark}-${at}` })).length, 1);
  }
});

fact('a call has one to a hundred events of the right shape', async () => {
  const good = { name: workflow.workflowId, to: 'someone' };
  assertInvalid(await bulk(Array(101).fill(good)), 'events must contain no more than 100 elements');
  assertInvalid(await bulk([]), 'events should not be empty');
  assertInvalid(await bulk('text'), /^events /);
  assertInvalid(await bulk([good, { to: 'someone' }]), /^events\.1\.name /);
  assertRefused(await api.post('/v1/events/trigger/bulk', {}), 422);
});

fact('the same key answers a call of many events again and makes nothing', async () => {
  const [ann] = await people(1);
  const body = { events: [{ name: workflow.workflowId, to: ann.subscriberId }] };
  const key = { 'idempotency-key': unique('key') };
  const first = assertStatus(await api.post('/v1/events/trigger/bulk', body, key), 201);
  const again = assertStatus(await api.post('/v1/events/trigger/bulk', body, key), 201);
  assert.equal(again.text, first.text);
  assert.equal(again.headers.get('idempotency-replay'), 'true');
});

// Everybody

fact('a broadcast reaches every subscriber there is, the actor too', covers('EventsController_broadcastEventToAll'), async () => {
  const one = await startServer();
  try {
    const { api: alone, ...there } = world(one);
    const crowd = Array.from({ length: 230 }, (_, at) => ({ subscriberId: `one-of-all-${at}` }));
    assertStatus(await alone.post('/v1/subscribers/bulk', { subscribers: crowd }), 201);
    const { workflowId } = await there.workflow();
    const { result } = await sdk(one).triggerBroadcast({ name: workflowId, payload: { name: 'all' }, actor: 'one-of-all-3', transactionId: 'to-all' });
    assert.deepEqual([result.status, result.transactionId], ['processed', 'to-all']);
    await eventually(async () => {
      const pages = await Promise.all([0, 1, 2, 3, 4].map((page) => alone.get(`/v1/notifications?transactionId=to-all&limit=50&page=${page}`)));
      assert.deepEqual(pages.flatMap((page) => dataOf(page).map(({ subscriber }) => subscriber.subscriberId)).sort(), ids(crowd).sort());
    });
    assertInvalid(await alone.post('/v1/events/trigger/broadcast', { name: workflowId }), /^payload /);
    assertRefused(await alone.post('/v1/events/trigger/broadcast', { name: 'no-such-workflow', payload: {} }), 422, 'workflow_not_found');
  } finally {
    await one.stop();
  }
});
