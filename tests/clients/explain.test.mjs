// Why somebody got, or did not get, each message of an event: told from what was decided, not computed again.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { assertStatus, dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);

const inApp = (body = 'hello') => ({ type: 'in_app', name: 'In-app', stepId: 'feed', controlValues: { body } });
const explained = async (event, subscriberId) => dataOf(await api.get(`/v1/events/${event.transactionId}/explain?subscriberId=${subscriberId}`));
const codes = ({ decisions }) => decisions.map(({ code }) => code);

fact('who got a message is told through whom', async () => {
  const workflow = await make.workflow({ steps: [inApp()] });
  const { subscriberId } = await make.subscriber();
  const event = await make.trigger(workflow, { subscriberId });
  await finished(api, event);
  const told = await explained(event, subscriberId);
  assert.equal(told.outcome, 'received');
  assert.equal(told.workflowId, workflow.workflowId);
  assert.match(told.summary, /^feed \(in_app\): Sent through /);
  const [step] = told.notification.steps;
  assert.deepEqual([step.stepId, step.type, step.status], ['feed', 'in_app', 'completed']);
  assert.ok(codes(step).includes('message_created'));
  assert.equal(step.messages[0].channel, 'in_app');
});

fact('who wants no messages is told whose choice it was', async () => {
  const workflow = await make.workflow({ steps: [inApp()] });
  const { subscriberId } = await make.subscriber();
  await novu.subscribers.preferences.update({ channels: { inApp: false } }, subscriberId);
  const event = await make.trigger(workflow, { subscriberId });
  await finished(api, event);
  const told = await explained(event, subscriberId);
  assert.equal(told.outcome, 'not_received');
  assert.match(told.summary, /subscriber global preferences\.$/);
  assert.deepEqual([told.notification.steps[0].reason, told.notification.steps[0].messages], ['preference', []]);
});

fact('conditions are told with what they read', async () => {
  const workflow = await make.workflow({ steps: [{ ...inApp(), controlValues: { body: 'hello', skip: { '==': [{ var: 'payload.kind' }, 'urgent'] } } }] });
  const { subscriberId } = await make.subscriber();
  const event = await make.trigger(workflow, { subscriberId }, { payload: { kind: 'idle' } });
  await finished(api, event);
  const { outcome, summary, notification } = await explained(event, subscriberId);
  assert.equal(outcome, 'not_received');
  assert.match(summary, /steps conditions/);
  assert.equal(notification.steps[0].reason, 'step_condition');
  assert.ok(notification.steps[0].decisions.find(({ code }) => code === 'filter_steps').facts);
});

fact('who has no address is told so, and what is sent elsewhere is told beside it', async () => {
  await make.integration({ providerId: 'chat-webhook' });
  const workflow = await make.workflow({ steps: [{ type: 'chat', name: 'Chat', stepId: 'chat', controlValues: { body: 'hello' } }, inApp()] });
  const { subscriberId } = await make.subscriber();
  const event = await make.trigger(workflow, { subscriberId });
  await finished(api, event);
  const { outcome, notification } = await explained(event, subscriberId);
  assert.equal(outcome, 'received');
  assert.match(notification.steps[0].summary, /does not have a configured channel/);
});

fact('what waits is told until when', async () => {
  const workflow = await make.workflow({ steps: [{ type: 'delay', name: 'Delay', stepId: 'wait', controlValues: { type: 'regular', amount: 1, unit: 'days' } }, inApp()] });
  const { subscriberId } = await make.subscriber();
  const event = await make.trigger(workflow, { subscriberId });
  const told = await eventually(async () => {
    const told = await explained(event, subscriberId);
    assert.match(told.summary, /^wait \(delay\): Waits until /);
    return told;
  });
  assert.equal(told.outcome, 'waiting');
  assert.ok(told.notification.steps[0].dueAt > told.acceptedAt);
  assert.match(told.notification.steps[1].summary, /Not begun/);
  assert.equal(told.notification.finishedAt, undefined);
});

fact('an event that joined a digest says which notification goes out with it', async () => {
  const workflow = await make.workflow({ steps: [{ type: 'digest', name: 'Digest', stepId: 'collect', controlValues: { type: 'regular', amount: 1, unit: 'hours' } }, inApp()] });
  const { subscriberId } = await make.subscriber();
  const first = await make.trigger(workflow, { subscriberId });
  const opener = await eventually(async () => {
    const { notification } = await explained(first, subscriberId);
    assert.equal(notification.steps[0].status, 'delayed');
    return notification._id;
  });
  const second = await make.trigger(workflow, { subscriberId });
  await eventually(async () => {
    const { notification } = await explained(second, subscriberId);
    const merged = notification.steps[0].decisions.find(({ code }) => code === 'digest_merged');
    assert.equal(merged.facts.notificationId, opener);
    assert.match(notification.steps[0].summary, /joined a digest/);
  });
});

fact('who is no recipient is told why', async () => {
  const workflow = await make.workflow({ steps: [inApp()] });
  const [ann, bob, cid] = await Promise.all([make.subscriber(), make.subscriber(), make.subscriber()]);
  const topicKey = unique('topic');
  await novu.topics.subscriptions.create({ subscriberIds: [ann.subscriberId, bob.subscriberId] }, topicKey);
  const { result: event } = await novu.trigger({ workflowId: workflow.workflowId, to: [{ type: 'Topic', topicKey, exclude: [bob.subscriberId] }] });
  await finished(api, event);
  const told = await Promise.all([ann, bob, cid].map(({ subscriberId }) => explained(event, subscriberId)));
  assert.deepEqual(told.map(({ outcome }) => outcome), ['received', 'no_recipient', 'no_recipient']);
  assert.equal(told[0].notification.topicKey, topicKey);
  assert.match(told[1].summary, /left the subscriber out/);
  assert.match(told[2].summary, /not a member of/);
});

fact('an unknown event is a 404, and the subscriber must be named', async () => {
  assertStatus(await api.get('/v1/events/unknown/explain?subscriberId=ann'), 404);
  const refused = assertStatus(await api.get('/v1/events/unknown/explain'), 422);
  assert.match(JSON.stringify(refused.body), /subscriberId/);
});
