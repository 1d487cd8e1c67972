import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, messagesOf } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { oneByOne, unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());
const server = await startServer({ settings: { CAMPANILE_ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8' } });
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });
const novu = sdk(server);
const integration = await make.integration({ providerId: 'chat-webhook' });
const workflow = await make.workflow();
const hook = () => ({ url: `${receiver.url}/${unique('hook')}` });

async function listener({ context, ...rest } = {}) {
  const subscriber = await make.subscriber(rest);
  await make.endpoint({ integration, subscriber, endpoint: hook(), ...(context && { context }) });
  return subscriber;
}

const run = async (subscriber, rest = {}) => {
  const event = await make.trigger(workflow, subscriber, rest);
  const [story] = await finished(api, event);
  return { ...event, ...story };
};

const ids = (page) => page.data.map(({ id }) => id);

fact('a notification tells who, what and how it went', covers('NotificationsController_listNotifications', 'NotificationsController_getNotification'), async () => {
  const ann = await listener({ firstName: 'Ann', email: 'story@example.com' });
  const { transactionId } = await run(ann, { payload: { name: 'Ann' } });
  const { result } = await novu.notifications.list({ transactionId });
  assert.deepEqual([result.page, result.pageSize, result.hasMore, result.data.length], [0, 10, false, 1]);
  const [row] = result.data;
  assert.equal(row.transactionId, transactionId);
  assert.deepEqual([row.subscriber.subscriberId, row.subscriber.firstName, row.subscriber.email], [ann.subscriberId, 'Ann', 'story@example.com']);
  assert.deepEqual([row.template.id, row.template.name, row.templateId], [workflow._id, workflow.name, workflow._id]);
  assert.equal(row.template.triggers[0].identifier, workflow.workflowId);
  assert.deepEqual(row.payload.name, 'Ann');
  assert.deepEqual(row.channels, ['chat']);
  assert.deepEqual(row.contextKeys, []);
  assert.equal(row.severity, 'none');

  const chat = row.jobs.find(({ type }) => type === 'chat');
  assert.deepEqual([chat.status, chat.providerId], ['completed', 'chat-webhook']);
  const details = chat.executionDetails.map(({ detail }) => detail);
  for (const text of ['Step created', 'Message created', 'Message sent']) assert.ok(details.includes(text), `${text} is among ${details}`);
  assert.ok(details.indexOf('Message created') < details.indexOf('Message sent'));
  const sent = chat.executionDetails.find(({ detail }) => detail === 'Message sent');
  assert.deepEqual([sent.status, sent.isTest, sent.isRetry], ['Success', false, false]);

  assert.deepEqual((await novu.notifications.retrieve(row.id)).result, row);
});

fact('the trigger itself stands first among the jobs', async () => {
  const { notification } = await run(await listener());
  assert.deepEqual(notification.jobs.map(({ type }) => type), ['trigger', 'chat']);
});

fact('an unknown notification is a 404', async () => {
  assertRefused(await api.get(`/v1/notifications/${'0'.repeat(24)}`), 404, 'Notification not found');
  assert.equal((await refusal(novu.notifications.retrieve('0'.repeat(24)))).name, 'ErrorDto');
});

fact('notifications are filtered by event, person, workflow, channel, context and time', async () => {
  const mark = unique('filter');
  const context = { tenant: mark };
  const [ann, beth] = await oneByOne(2, (number) => listener({ email: `${mark}-${number}@example.com`, ...(number === 2 && { context }) }));
  const [first] = await oneByOne(1, () => run(ann));
  const [between] = await oneByOne(1, () => new Date().toISOString());
  const [second] = await oneByOne(1, () => run(beth, { context }));
  const both = [second.notification._id, first.notification._id];
  const found = async (query) => ids((await novu.notifications.list(query)).result);
  const people = { subscriberIds: [ann.subscriberId, beth.subscriberId] };
  assert.deepEqual(await found(people), both, 'newest first');
  assert.deepEqual(await found({ subscriberIds: [ann.subscriberId] }), [both[1]]);
  assert.deepEqual(await found({ subscriberIds: ['nobody'] }), []);
  assert.deepEqual(await found({ emails: [`${mark}-2@example.com`] }), [both[0]]);
  assert.deepEqual(await found({ emails: ['nobody@example.com'] }), []);
  assert.deepEqual(await found({ transactionId: first.transactionId }), [both[1]]);
  assert.deepEqual(await found({ ...people, templates: [workflow._id] }), both);
  assert.deepEqual(await found({ ...people, templates: ['0'.repeat(24)] }), []);
  assert.deepEqual(await found({ ...people, channels: ['chat'] }), both);
  assert.deepEqual(await found({ ...people, channels: ['email'] }), []);
  assert.deepEqual(await found({ ...people, severity: ['none'] }), both);
  assert.deepEqual(await found({ ...people, severity: ['high'] }), []);
  assert.deepEqual(await found({ ...people, contextKeys: [`tenant:${mark}`] }), [both[0]]);
  assert.deepEqual(await found({ ...people, after: between }), [both[0]]);
  assert.deepEqual(await found({ ...people, before: between }), [both[1]]);
});

fact('notifications come in pages of at most 50', async () => {
  const ann = await listener();
  await oneByOne(3, () => run(ann));
  const page = async (number) => (await novu.notifications.list({ subscriberIds: [ann.subscriberId], limit: 2, page: number })).result;
  const [first, second] = [await page(0), await page(1)];
  assert.deepEqual([first.data.length, first.hasMore, first.pageSize], [2, true, 2]);
  assert.deepEqual([second.data.length, second.hasMore, second.page], [1, false, 1]);
  assert.equal(new Set([...ids(first), ...ids(second)]).size, 3);
  assertInvalid(await api.get('/v1/notifications?limit=51'), 'limit must not be greater than 50');
  assertInvalid(await api.get('/v1/notifications?page=-1'), 'page must not be less than 0');
});

fact('notifications are filtered by the topic and by the subscription through which they came', async () => {
  const flow = await make.workflow();
  const [ann, bob] = [await make.subscriber(), await make.subscriber()];
  const topicKey = unique('topic');
  const subscribed = dataOf(await api.post(`/v2/topics/${topicKey}/subscriptions`, { subscriberIds: [ann.subscriberId, bob.subscriberId] }), 201);
  const event = await make.trigger(flow, { type: 'Topic', topicKey });
  await finished(api, event, 2);
  await finished(api, await make.trigger(flow, ann));
  const found = async (query) => (await novu.notifications.list({ templates: [flow._id], ...query })).result.data.map(({ subscriber }) => subscriber.subscriberId).sort();
  assert.deepEqual(await found({ topicKey }), [ann.subscriberId, bob.subscriberId].sort());
  assert.deepEqual(await found({ topicKey: unique('none') }), []);
  const own = subscribed.find(({ subscriber }) => subscriber.subscriberId === ann.subscriberId);
  assert.deepEqual(await found({ subscriptionId: own._id }), [ann.subscriberId]);
  assert.deepEqual(await found({ subscriptionId: own.identifier, topicKey }), [ann.subscriberId]);
  assert.deepEqual(await found({ subscriptionId: own._id, subscriberIds: [bob.subscriberId] }), []);
  assert.deepEqual(await found({ subscriptionId: own._id, topicKey: unique('none') }), []);
});

fact('someone without an address is skipped, and told why', async () => {
  const plain = await run(await make.subscriber());
  assert.deepEqual(plain.statuses, ['canceled']);
  assert.ok(plain.details.includes('Subscriber does not have a configured channel'), plain.details);
  const inContext = await run(await make.subscriber(), { context: { tenant: 'lonely' } });
  assert.deepEqual(inContext.statuses, ['canceled']);
  assert.ok(inContext.details.includes('Subscriber does not have a configured channel with the given context'), inContext.details);
  assert.deepEqual(await messagesOf(api, plain), []);
});

// Messages

fact('a message belongs to its notification, subscriber and workflow', covers('MessagesController_getMessages'), async () => {
  const ann = await listener();
  const { transactionId, notification } = await run(ann);
  const { result } = await novu.messages.retrieve({ transactionId: [transactionId] });
  assert.deepEqual([result.page, result.pageSize, result.hasMore, result.data.length], [0, 10, false, 1]);
  const [message] = result.data;
  assert.deepEqual(
    [message.notificationId, message.transactionId, message.channel, message.providerId, message.status],
    [notification._id, transactionId, 'chat', 'chat-webhook', 'sent'],
  );
  assert.deepEqual([message.subscriberId, message.templateIdentifier, message.contextKeys], [ann._id, workflow.workflowId, []]);
  assert.deepEqual([message.read, message.seen], [false, false]);
});

fact('there is one message for each integration, however many addresses it has', async () => {
  const subscriber = await make.subscriber();
  const other = await make.integration({ providerId: 'chat-webhook' });
  for (const on of [integration, integration, other]) await make.endpoint({ integration: on, subscriber, endpoint: hook() });
  const before = receiver.requests().length;
  const event = await run(subscriber);
  assert.equal(receiver.requests().length, before + 3);
  assert.equal((await messagesOf(api, event)).length, 2);
});

fact('messages are filtered by channel, subscriber, events and context, newest first', async () => {
  const context = { tenant: unique('messages') };
  const ann = await listener();
  await make.endpoint({ integration, subscriber: ann, endpoint: hook(), context });
  const [one, two] = await oneByOne(2, (number) => run(ann, { ...(number === 2 && { context }) }));
  const found = async (query) => (await novu.messages.retrieve(query)).result.data.map(({ transactionId }) => transactionId);
  const { subscriberId } = ann;
  assert.deepEqual(await found({ subscriberId }), [two.transactionId, one.transactionId]);
  assert.deepEqual(await found({ subscriberId, channel: 'chat' }), [two.transactionId, one.transactionId]);
  assert.deepEqual(await found({ subscriberId, channel: 'email' }), []);
  assert.deepEqual(await found({ transactionId: [one.transactionId, two.transactionId] }), [two.transactionId, one.transactionId]);
  assert.deepEqual(await found({ subscriberId, contextKeys: [`tenant:${context.tenant}`] }), [two.transactionId]);
  const first = (await novu.messages.retrieve({ subscriberId, limit: 1 })).result;
  const second = (await novu.messages.retrieve({ subscriberId, limit: 1, page: 1 })).result;
  assert.deepEqual([first.hasMore, second.hasMore, second.data[0].transactionId], [true, false, one.transactionId]);
});

fact('messages of an unknown subscriber are a 404, and a page holds at most 1000', async () => {
  assertRefused(await api.get('/v1/messages?subscriberId=nobody'), 404);
  assertRefused(await api.get('/v1/messages?limit=1001'), 400, 'Limit can not be larger then 1000');
  assertStatus(await api.get('/v1/messages?limit=1000'), 200);
});

fact('a message is deleted by id', covers('MessagesController_deleteMessage'), async () => {
  const event = await run(await listener());
  const [{ _id }] = await messagesOf(api, event);
  const { result } = await novu.messages.delete(_id);
  assert.deepEqual({ ...result }, { acknowledged: true, status: 'deleted' });
  assert.deepEqual(await messagesOf(api, event), []);
  assertRefused(await api.delete(`/v1/messages/${_id}`), 404, `Message with id ${_id} not found`);
});

fact('messages are deleted by event, of one channel when asked', covers('MessagesController_deleteMessagesByTransactionId'), async () => {
  const event = await run(await listener());
  const path = `/v1/messages/transaction/${event.transactionId}`;
  assertRefused(await api.delete(`${path}?channel=email`), 404, 'Invalid transactionId or channel');
  assert.equal((await messagesOf(api, event)).length, 1);
  await novu.messages.deleteByTransactionId(event.transactionId, 'chat');
  assert.deepEqual(await messagesOf(api, event), []);
  assertRefused(await api.delete(path), 404, 'Invalid transactionId or channel');
  const again = await run(await listener());
  assertStatus(await api.delete(`/v1/messages/transaction/${again.transactionId}`), 204);
});

fact('another environment has no part in it', async () => {
  const event = await run(await listener());
  const [{ _id }] = await messagesOf(api, event);
  assert.deepEqual(dataOf(await production.api.get('/v1/notifications')), []);
  assert.deepEqual(dataOf(await production.api.get('/v1/messages')), []);
  assertRefused(await production.api.get(`/v1/notifications/${event.notification._id}`), 404);
  assertRefused(await production.api.delete(`/v1/messages/${_id}`), 404);
  assertRefused(await production.api.delete(`/v1/messages/transaction/${event.transactionId}`), 404);
});
