import assert from 'node:assert/strict';
import { after } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { finished } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertInvalid, assertRefused, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());

/** A server with nothing but what one fact makes: what a subscriber sees depends on all workflows. */
async function fresh() {
  const server = await startServer({ settings: { CAMPANILE_ALLOW_PRIVATE_NETWORKS: 'true' } });
  after(() => server.stop());
  const { api, ...make } = world(server);
  return { api, make, novu: sdk(server) };
}

const LIST = covers('SubscribersController_getSubscriberPreferences');
const UPDATE = covers('SubscribersController_updateSubscriberPreferences');
const BULK = covers('SubscribersController_bulkUpdateSubscriberPreferences');

const step = (type) => ({ type, name: type, controlValues: { body: 'Hello', subject: 'Hello' } });
const both = [step('in_app'), step('email')];
const readOnly = { user: null, workflow: { all: { enabled: true, readOnly: true } } };
const path = ({ subscriberId }) => `/v2/subscribers/${subscriberId}/preferences`;
const office = { monday: { isEnabled: true, hours: [{ start: '09:00 AM', end: '05:00 PM' }] }, sunday: { isEnabled: false } };

const { api, make, novu } = await fresh();
const hook = await make.integration({ providerId: 'chat-webhook' });

/** What is shown of one workflow. */
const shown = ({ workflows }, { workflowId }) => workflows.find(({ workflow }) => workflow.identifier === workflowId);
const list = async (subscriber, rest = {}) => (await novu.subscribers.preferences.list({ subscriberId: subscriber.subscriberId, ...rest })).result;
const update = async (subscriber, change) => (await novu.subscribers.preferences.update(change, subscriber.subscriberId)).result;
const bulk = async (subscriber, preferences, rest = {}) => (await novu.subscribers.preferences.bulkUpdate({ preferences, ...rest }, subscriber.subscriberId)).result;
const on = (channels) => Object.fromEntries(Object.entries(channels).filter(([, value]) => value !== undefined));

fact('who chose nothing has everything on, of the active workflows and their channels', LIST, async () => {
  const { make, novu } = await fresh();
  const subscriber = await make.subscriber();
  const first = await make.workflow({ steps: both, tags: ['news'] });
  await make.workflow({ steps: [step('sms')], active: false });
  const second = await make.workflow({ steps: [step('chat'), { type: 'delay', name: 'Delay', controlValues: { amount: 1, unit: 'seconds', type: 'regular' } }] });
  const { result } = await novu.subscribers.preferences.list({ subscriberId: subscriber.subscriberId });
  assert.deepEqual([result.global.enabled, on(result.global.channels), result.global.schedule], [true, { inApp: true, email: true, chat: true }, undefined]);
  assert.deepEqual(result.workflows.map(({ workflow }) => workflow.identifier), [first.workflowId, second.workflowId]);
  const [one] = result.workflows;
  assert.deepEqual([one.enabled, on(one.channels), one.overrides, one.updatedAt], [true, { inApp: true, email: true }, [], undefined]);
  assert.deepEqual([one.workflow.slug, one.workflow.name, one.workflow.updatedAt], [first.slug, first.name, first.updatedAt]);
});

fact('a channel of one workflow is turned off, whichever of its names is used', UPDATE, async () => {
  for (const name of ['_id', 'workflowId', 'slug']) {
    const subscriber = await make.subscriber();
    const workflow = await make.workflow({ steps: both });
    const after = await update(subscriber, { workflowId: workflow[name], channels: { email: false } });
    const told = shown(after, workflow);
    assert.deepEqual(on(told.channels), { inApp: true, email: false }, name);
    assert.deepEqual(told.overrides, [{ channel: 'email', source: 'subscriber' }]);
    assert.ok(told.updatedAt, 'it was chosen for');
    assert.equal(after.global.channels.email, true);
    assert.deepEqual(shown(await list(subscriber), workflow), told);
    const again = shown(await update(subscriber, { workflowId: workflow[name], channels: { inApp: false } }), workflow);
    assert.deepEqual(on(again.channels), { inApp: false, email: false }, 'the rest stays');
  }
});

fact('a global choice counts in every workflow, also in those that were chosen for', UPDATE, async () => {
  const subscriber = await make.subscriber();
  const [chosen, other] = [await make.workflow({ steps: both }), await make.workflow({ steps: both })];
  await update(subscriber, { workflowId: chosen.workflowId, channels: { email: true } });
  const off = await update(subscriber, { channels: { email: false, inApp: false } });
  assert.deepEqual([off.global.channels.email, off.global.channels.inApp], [false, false]);
  for (const workflow of [chosen, other]) assert.deepEqual(on(shown(off, workflow).channels), { inApp: false, email: false });
  const back = await update(subscriber, { workflowId: chosen.workflowId, channels: { email: true } });
  assert.deepEqual([shown(back, chosen).channels.email, shown(back, other).channels.email], [true, false]);
});

fact('what a workflow turns off by itself is the template\'s, and a subscriber may turn it on', LIST, async () => {
  const subscriber = await make.subscriber();
  const workflow = await make.workflow({ steps: both, preferences: { user: { all: { enabled: true }, channels: { email: { enabled: false } } }, workflow: null } });
  const told = shown(await list(subscriber), workflow);
  assert.deepEqual([told.channels.email, told.overrides], [false, [{ channel: 'email', source: 'template' }]]);
  const chosen = shown(await update(subscriber, { channels: { email: true } }), workflow);
  assert.deepEqual([chosen.channels.email, chosen.overrides], [true, [{ channel: 'email', source: 'subscriber' }]]);
});

fact('critical workflows are hidden, shown when asked for, and take no choice', LIST, async () => {
  const subscriber = await make.subscriber();
  const critical = await make.workflow({ steps: both, preferences: readOnly });
  assert.equal(shown(await list(subscriber), critical), undefined);
  assert.ok(shown(await list(subscriber, { criticality: 'all' }), critical));
  const only = await list(subscriber, { criticality: 'critical' });
  assert.deepEqual(only.workflows.map(({ workflow }) => workflow.identifier), [critical.workflowId]);
  await update(subscriber, { channels: { email: false } });
  assert.equal(shown(await list(subscriber, { criticality: 'all' }), critical).channels.email, true, 'a global choice does not reach it');
  const error = await refusal(novu.subscribers.preferences.update({ workflowId: critical.workflowId, channels: { email: false } }, subscriber.subscriberId));
  assert.deepEqual([error.statusCode, error.message], [400, `Critical workflow with id: ${critical.workflowId} can not be updated`]);
  assertInvalid(await api.get(`${path(subscriber)}?criticality=some`), /^criticality must be one of/);
});

fact('several workflows are chosen for at once, the last choice for each', BULK, async () => {
  const subscriber = await make.subscriber();
  const [one, two] = [await make.workflow({ steps: both, tags: ['a'], severity: 'high' }), await make.workflow({ steps: both })];
  const answer = await bulk(subscriber, [
    { workflowId: one.workflowId, channels: { email: true, inApp: false } },
    { workflowId: two.slug, channels: { inApp: false } },
    { workflowId: one._id, channels: { email: false } },
  ]);
  assert.deepEqual(answer.map(({ level, enabled, workflow }) => [level, enabled, workflow.identifier]), [['template', true, one.workflowId], ['template', true, two.workflowId]]);
  assert.deepEqual(answer.map(({ channels }) => on(channels)), [{ inApp: true, email: false }, { inApp: false, email: true }]);
  const { id, name, critical, tags, severity } = answer[0].workflow;
  assert.deepEqual([id, name, critical, tags, severity], [one._id, one.name, false, ['a'], 'high']);
  assert.deepEqual(on(shown(await list(subscriber), two).channels), { inApp: false, email: true });
});

fact('a bulk that cannot be done whole changes nothing', async () => {
  const subscriber = await make.subscriber();
  const [free, critical] = [await make.workflow({ steps: both }), await make.workflow({ steps: both, preferences: readOnly })];
  const at = `${path(subscriber)}/bulk`;
  const off = ({ workflowId }) => ({ workflowId, channels: { email: false } });
  assertRefused(await api.patch(at, { preferences: [] }), 400, 'No preferences provided for bulk update');
  assertRefused(await api.patch(at, { preferences: [off(free), off({ workflowId: 'a' }), off({ workflowId: 'b' })] }), 404, 'Workflows with ids: a, b not found');
  assertRefused(await api.patch(at, { preferences: [off(free), off(critical)] }), 400, `Critical workflows with ids: ${critical._id} cannot be updated`);
  assertInvalid(await api.patch(at, { preferences: Array(101).fill(off(free)) }), 'preferences must contain no more than 100 elements');
  assertInvalid(await api.patch(at, { preferences: [{ channels: {} }] }), /workflowId/);
  assertRefused(await api.patch('/v2/subscribers/nobody/preferences/bulk', { preferences: [off(free)] }), 404, 'Subscriber with id: nobody is not found');
  assert.equal(shown(await list(subscriber), free).channels.email, true);
  assert.equal((await api.patch(at, { preferences: Array(100).fill(off(free)) })).status, 200);
});

fact('unknown subscribers and workflows are a 404, wrong values a 422', async () => {
  const subscriber = await make.subscriber();
  assertRefused(await api.get('/v2/subscribers/nobody/preferences'), 404, 'Subscriber with id: nobody not found');
  assertRefused(await api.patch('/v2/subscribers/nobody/preferences', {}), 404, 'Subscriber with id: nobody is not found');
  assertRefused(await api.patch(path(subscriber), { workflowId: 'none', channels: { email: false } }), 404, 'Workflow with id: none is not found');
  assertInvalid(await api.patch(path(subscriber), { channels: { email: 'no' } }), 'channels.email must be a boolean value');
  for (const start of ['9:00 AM', '13:00 PM', '09:00', 9]) {
    const schedule = { isEnabled: true, weeklySchedule: { monday: { isEnabled: true, hours: [{ start, end: '05:00 PM' }] } } };
    assertInvalid(await api.patch(path(subscriber), { schedule }), /^schedule\.weeklySchedule\.monday\.hours\.0\.start must/);
  }
  assertInvalid(await api.patch(path(subscriber), { schedule: {} }), 'schedule.isEnabled must be a boolean value');
  assert.equal((await list(subscriber)).global.schedule, undefined);
});

fact('a schedule is kept with the global preference, and its week while it is off', UPDATE, async () => {
  const subscriber = await make.subscriber();
  const { global } = await update(subscriber, { schedule: { isEnabled: true, weeklySchedule: office } });
  assert.equal(global.schedule.isEnabled, true);
  assert.deepEqual([global.schedule.weeklySchedule.monday, global.schedule.weeklySchedule.sunday.isEnabled], [office.monday, false]);
  await update(subscriber, { channels: { email: false } });
  const off = (await update(subscriber, { schedule: { isEnabled: false } })).global;
  assert.deepEqual([off.schedule.isEnabled, off.schedule.weeklySchedule.monday], [false, office.monday]);
  assert.deepEqual((await list(subscriber)).global, off);
});

fact('each set of contexts has preferences of its own', UPDATE, async () => {
  const subscriber = await make.subscriber();
  const workflow = await make.workflow({ steps: both });
  const tenant = unique('tenant');
  const inTenant = { subscriberId: subscriber.subscriberId, contextKeys: [`tenant:${tenant}`] };
  await update(subscriber, { workflowId: workflow.workflowId, channels: { email: false }, context: { tenant } });
  await update(subscriber, { channels: { inApp: false } });
  assert.deepEqual(on(shown(await list(subscriber), workflow).channels), { inApp: false, email: true });
  assert.deepEqual(on(shown(await list(subscriber, inTenant), workflow).channels), { inApp: true, email: false });
  assert.equal(dataOf(await api.get(`/v2/contexts/tenant/${tenant}`)).id, tenant, 'what is named is there');
  await bulk(subscriber, [{ workflowId: workflow.workflowId, channels: { inApp: false } }], { context: { tenant } });
  assert.deepEqual(on(shown(await list(subscriber, inTenant), workflow).channels), { inApp: false, email: false });
});

fact('ten changes of one preference at once are all there', async () => {
  const subscriber = await make.subscriber();
  const workflow = await make.workflow({ steps: ['in_app', 'email', 'sms', 'chat', 'push'].map(step) });
  const channels = ['in_app', 'email', 'sms', 'chat', 'push'];
  const answers = await Promise.all([...channels, ...channels].map((channel) => api.patch(path(subscriber), { workflowId: workflow.workflowId, channels: { [channel]: false } })));
  assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(200));
  assert.deepEqual(Object.values(on(shown(await list(subscriber), workflow).channels)), Array(5).fill(false));
});

fact('a change is told to webhooks', async () => {
  const at = `/${unique('hook')}`;
  const { secret } = dataOf(await api.post('/v1/webhooks/endpoints', { url: `${receiver.url}${at}`, events: ['preference.updated'] }), 201);
  const subscriber = await make.subscriber();
  const workflow = await make.workflow({ steps: both });
  await update(subscriber, { workflowId: workflow.workflowId, channels: { email: false } });
  await update(subscriber, { channels: { email: true } });
  const calls = await eventually(() => {
    const calls = receiver.requests(at);
    assert.equal(calls.length, 2);
    return calls;
  });
  const told = calls.map(({ text, headers }) => new Webhook(secret).verify(text, headers)).sort((a, b) => a.data.object.level < b.data.object.level ? 1 : -1);
  assert.deepEqual(told.map(({ type, data }) => [type, data.subscriberId, data.object.level]), [['preference.updated', subscriber.subscriberId, 'template'], ['preference.updated', subscriber.subscriberId, 'global']]);
  assert.deepEqual([told[0].data.object.workflow.identifier, told[0].data.object.channels], [workflow.workflowId, { email: false, in_app: true }]);
});

// Sending (engine.md j)

/** A subscriber whose chat messages arrive, and what arrived. */
async function listener(profile) {
  const subscriber = await make.subscriber(profile);
  const at = `/${unique('hook')}`;
  await make.endpoint({ integration: hook, subscriber, endpoint: { url: `${receiver.url}${at}` } });
  return { ...subscriber, heard: () => receiver.requests(at).length };
}

const said = (chat, all = true) => ({ all: { enabled: all }, channels: { ...(chat !== undefined && { chat: { enabled: chat } }) } });

for (const [title, preferences, change, heard, detail] of [
  ['112: the channel is off in the workflow', { user: null, workflow: said(false) }, undefined, 0, 'Step filtered by workflow preferences'],
  ['112: the channel is on in the workflow', { user: null, workflow: said(true) }, undefined, 1],
  ['112: all is off, the channel on', { user: null, workflow: said(true, false) }, undefined, 1],
  ['112: all is off', { user: null, workflow: said(undefined, false) }, undefined, 0, 'Step filtered by workflow preferences'],
  ['the dashboard turned it off', { user: said(false), workflow: said(true) }, undefined, 0, 'Step filtered by user preferences'],
  ['113: read-only, off for the workflow', readOnly, { global: false }, 1],
  ['115: on for all, off by default', { user: null, workflow: said(false) }, { global: true }, 1],
  ['115: off for all, on by default', { user: null, workflow: said(true) }, { global: false }, 0, 'Step filtered by subscriber global preferences'],
  ['116: off for all, on for the workflow', undefined, { global: false, workflow: true }, 1],
  ['116: on for all, off for the workflow', undefined, { global: true, workflow: false }, 0, 'Step filtered by subscriber workflow preferences'],
]) {
  fact(`sending, ${title}`, async () => {
    const ann = await listener();
    const workflow = await make.workflow({ bodies: ['Hello'], ...(preferences && { preferences }) });
    if (change?.global !== undefined) await update(ann, { channels: { chat: change.global } });
    if (change?.workflow !== undefined) await update(ann, { workflowId: workflow.workflowId, channels: { chat: change.workflow } });
    const [story] = await finished(api, await make.trigger(workflow, ann));
    assert.deepEqual([story.statuses, ann.heard()], [[heard ? 'completed' : 'canceled'], heard]);
    if (detail) assert.ok(story.details.includes(detail), story.details);
  });
}

fact('outside of the schedule nothing is sent but what is critical or in-app, and the feed says why', async () => {
  const ann = await listener({ timezone: 'Europe/Vienna' });
  await update(ann, { schedule: { isEnabled: true, weeklySchedule: {} } });
  const workflow = await make.workflow({ steps: [step('chat'), step('in_app')] });
  const [story] = await finished(api, await make.trigger(workflow, ann));
  assert.deepEqual([story.statuses, ann.heard()], [['canceled', 'completed'], 0]);
  assert.ok(story.details.includes("The step was skipped as it fell outside the subscriber's schedule"));
  assert.match(story.raw, /"timezone":"Europe\/Vienna"/);
  const critical = await make.workflow({ bodies: ['Fire'], preferences: readOnly });
  await finished(api, await make.trigger(critical, ann));
  assert.equal(ann.heard(), 1);
  await update(ann, { schedule: { isEnabled: false } });
  await finished(api, await make.trigger(workflow, ann));
  assert.equal(ann.heard(), 2);
});
