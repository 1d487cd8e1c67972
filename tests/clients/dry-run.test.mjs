// `dryRun` on a trigger: what would become of it, from the same decisions, and nothing happens.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertStatus, dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer({ settings: { CAMPANILE_ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8' } });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);

const inApp = (body = 'hello') => ({ type: 'in_app', name: 'In-app', stepId: 'feed', controlValues: { body } });
const delay = { type: 'delay', name: 'Delay', stepId: 'wait', controlValues: { type: 'regular', amount: 1, unit: 'days' } };
const digest = { type: 'digest', name: 'Digest', stepId: 'collect', controlValues: { type: 'regular', amount: 1, unit: 'hours' } };
const rehearse = async (workflow, to, rest = {}, query = 'dryRun=true') =>
  dataOf(await api.post(`/v1/events/trigger?${query}`, { name: workflow.workflowId, to: to.subscriberId ?? to, ...rest }));
const events = async (workflow) => (await api.get(`/v1/notifications?templates[]=${workflow._id}`)).body.data.length;

/** An explanation without what is different each time. */
function lasting({ outcome, summary, decisions, notification }) {
  const codes = (list) => list.map(({ code }) => code);
  const steps = notification?.steps.map((step) => [step.stepId, step.status, step.reason, step.summary, codes(step.decisions), step.messages.length]);
  return { outcome, summary, decisions: codes(decisions), steps };
}

fact('what a dry run tells is what the event then tells, and the dry run leaves nothing behind', async () => {
  const workflow = await make.workflow({
    steps: [
      { ...inApp(), stepId: 'first', controlValues: { body: 'hello', skip: { '==': [{ var: 'payload.kind' }, 'urgent'] } } },
      inApp('hi {{subscriber.firstName}}'),
    ],
  });
  const { subscriberId } = await make.subscriber();
  for (const kind of ['urgent', 'idle']) {
    const payload = { kind };
    const told = await rehearse(workflow, subscriberId, { payload });
    assert.deepEqual([told.status, told.isRepeated, told.hasMore, told.recipients.length], ['processed', false, false, 1]);
    const event = await make.trigger(workflow, { subscriberId }, { payload });
    await finished(api, event);
    const explained = dataOf(await api.get(`/v1/events/${event.transactionId}/explain?subscriberId=${subscriberId}`));
    assert.deepEqual(lasting(told.recipients[0]), lasting(explained));
    assertStatus(await api.get(`/v1/events/${told.transactionId}/explain?subscriberId=${subscriberId}`), 404);
  }
  assert.equal(await events(workflow), 2);
});

fact('a dry run stores no subscriber, no context and no first use of the workflow', async () => {
  const workflow = await make.workflow({ steps: [inApp('{{context.tenant.data.plan}}')] });
  const subscriberId = unique('new');
  const context = { tenant: { id: unique('acme'), data: { plan: 'gold' } } };
  const told = await rehearse(workflow, { subscriberId, firstName: 'Ann' }, { context });
  assert.equal(told.recipients[0].outcome, 'received');
  assertStatus(await api.get(`/v2/subscribers/${subscriberId}`), 404);
  assertStatus(await api.get(`/v2/contexts/tenant/${context.tenant.id}`), 404);
  assert.equal(dataOf(await api.get(`/v2/workflows/${workflow._id}`)).lastTriggeredAt ?? null, null);
});

fact('it goes on behind what is sent, and stops at what waits', async () => {
  const receiver = await startReceiver();
  after(() => receiver.stop());
  const integration = await make.integration({ providerId: 'discord' });
  const subscriber = await make.subscriber();
  await make.endpoint({ integration, subscriber, endpoint: { url: `${receiver.url}/hook` } });
  const chat = { type: 'chat', name: 'Chat', stepId: 'chat', controlValues: { body: 'hello' } };
  const workflow = await make.workflow({ steps: [chat, inApp(), delay, { ...inApp('later'), stepId: 'later' }] });
  const { recipients: [told] } = await rehearse(workflow, subscriber);
  const { steps } = told.notification;
  assert.deepEqual(steps.map(({ status }) => status), ['queued', 'completed', 'delayed', 'pending']);
  assert.deepEqual(steps.map(({ messages }) => messages.length), [1, 1, 0, 0]);
  assert.equal(steps[0].summary, 'On its way through discord.');
  assert.match(steps[2].summary, /^Waits until /);
  assert.match(steps[3].summary, /^Not begun/);
  assert.deepEqual(receiver.requests('/hook'), []);
});

fact('an open digest is told, and not joined', async () => {
  const workflow = await make.workflow({ steps: [digest, inApp('{{steps.collect.eventCount}}')] });
  const ann = await make.subscriber();
  const opens = await rehearse(workflow, ann);
  assert.equal(opens.recipients[0].notification.steps[0].status, 'delayed');
  const event = await make.trigger(workflow, ann);
  await eventually(async () => {
    const told = dataOf(await api.get(`/v1/events/${event.transactionId}/explain?subscriberId=${ann.subscriberId}`));
    assert.equal(told.notification.steps[0].status, 'delayed');
  });
  const joins = await rehearse(workflow, ann);
  assert.equal(joins.recipients[0].notification.steps[0].status, 'merged');
  const again = await rehearse(workflow, ann);
  assert.equal(again.recipients[0].notification.steps[0].status, 'merged');
});

fact('of many recipients the first are told, or the one that is asked for', async () => {
  const workflow = await make.workflow({ steps: [inApp()] });
  const people = await Promise.all(Array.from({ length: 3 }, () => make.subscriber()));
  const [ann, bob, cid] = people.map(({ subscriberId }) => subscriberId);
  const topicKey = unique('topic');
  await novu.topics.subscriptions.create({ subscriberIds: [ann, bob] }, topicKey);
  const to = [{ type: 'Topic', topicKey, exclude: [bob] }];
  const all = await rehearse(workflow, to);
  assert.deepEqual(all.recipients.map((one) => [one.subscriberId, one.outcome]), [[ann, 'received']]);
  for (const [who, outcome, words] of [[ann, 'received', /Sent through/], [bob, 'no_recipient', /left the subscriber out/], [cid, 'no_recipient', /is not a member/]]) {
    const { recipients: [one] } = await rehearse(workflow, to, {}, `dryRun=true&subscriberId=${who}`);
    assert.deepEqual([one.subscriberId, one.outcome], [who, outcome]);
    assert.match(one.summary, words);
  }
  const many = Array.from({ length: 120 }, () => unique('many'));
  const { recipients, hasMore } = await rehearse(workflow, many);
  assert.deepEqual([recipients.length, hasMore], [50, true]);
  const told = dataOf(await api.post(`/v1/events/trigger/broadcast?dryRun&subscriberId=${cid}`, { name: workflow.workflowId, payload: {} }));
  assert.deepEqual(told.recipients.map((one) => [one.subscriberId, one.outcome]), [[cid, 'received']]);
  assert.equal(await events(workflow), 0);
});

fact('what a trigger is refused for, a dry run is refused for; what it is acknowledged with, too', async () => {
  const workflow = await make.workflow({ steps: [inApp()] });
  const { subscriberId } = await make.subscriber();
  const body = { name: workflow.workflowId, to: subscriberId };
  assertStatus(await api.post('/v1/events/trigger?dryRun=true', { ...body, name: unique('none') }), 422);
  assertStatus(await api.post('/v1/events/trigger?dryRun=perhaps', body), 422);
  assertStatus(await api.post('/v1/events/trigger/bulk?dryRun=true', { events: [body] }), 400);
  await novu.workflows.patch({ active: false }, workflow.workflowId);
  assert.equal((await rehearse(workflow, subscriberId)).status, 'trigger_not_active');
  assert.equal(await events(workflow), 0);
});

fact('the same transactionId again is told to be a repetition, and a key is not used up', async () => {
  const workflow = await make.workflow({ steps: [inApp()] });
  const { subscriberId } = await make.subscriber();
  const transactionId = unique('order');
  const headers = { 'idempotency-key': unique('key') };
  const body = { name: workflow.workflowId, to: subscriberId, transactionId };
  assert.equal(dataOf(await api.post('/v1/events/trigger?dryRun=true', body, headers)).isRepeated, false);
  const event = assertStatus(await api.post('/v1/events/trigger', body, headers), 201).body.data;
  await finished(api, event);
  assert.equal((await rehearse(workflow, subscriberId, { transactionId })).isRepeated, true);
  assert.equal(await events(workflow), 1);
});
